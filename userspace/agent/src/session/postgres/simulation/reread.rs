//! A catalogue that is read anew while the answer to an earlier statement is still to come.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use weir_policy::Source;
use weir_wire::postgres::{Decoded, Limits, decode_frame, frontend};

use super::{cost::message, world::Stage};
use crate::{
    mask::{
        catalogue::{Catalogue, ColumnNumber, Relation, RelationOid},
        lineage::Lineage,
        plan::Unknown,
    },
    session::postgres::{governed::Governed, request::Heard},
};

const CANARY: &[u8] = b"canary@example.com";

fn stage() -> Stage {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    Stage::of(&[
        source(
            "all.cedar",
            "@id(\"all\") permit (principal, action, resource) unless { resource is Weir::DataClass };",
        ),
        source(
            "masking.toml",
            "[class.hidden]\nmethod = \"null\"\n[[column]]\nclass = \"hidden\"\ncolumn = \"email\"\n",
        ),
    ])
}

/// What the catalogue says where the relation's one column is called so.
fn lineage(session: &Governed, column: &str) -> Arc<Lineage> {
    let relation = |name: &str, column: &str| Relation {
        schema: "public".into(),
        name: name.into(),
        columns: [(ColumnNumber(1), column.to_owned())].into(),
        is_view: false,
    };
    let catalogue = Catalogue {
        relations: [
            (RelationOid(20_000), relation("people", column)),
            (RelationOid(20_001), relation("others", "email")),
        ]
        .into(),
        ..Catalogue::default()
    };
    let rules = session.judge.policies().masking();
    Arc::new(Lineage::new(&catalogue, rules, "db", "shop"))
}

fn asks(session: &mut Governed, raw: &[u8]) {
    let mut received = BytesMut::from(raw);
    while let Decoded::Complete(frame) = decode_frame(&mut received, &Limits::default()).unwrap() {
        let heard = session.on_request(frontend::decode(frame).unwrap());
        assert!(matches!(heard, Ok(Heard::Done)), "{heard:?}");
    }
}

fn hears(session: &mut Governed, raw: &[u8]) -> Vec<u8> {
    let mut received = BytesMut::from(raw);
    loop {
        let rows = session.rows(&received, &Limits::default()).unwrap();
        received.advance(rows);
        match decode_frame(&mut received, &Limits::default()).unwrap() {
            Decoded::Complete(frame) => drop(session.on_answer(frame, Unknown::Mask).unwrap()),
            Decoded::Incomplete { .. } => break,
        }
    }
    session.shown.settle(&mut session.record).unwrap();
    session.shown.pending().to_vec()
}

/// Whether the canary is heard where the catalogue says something else by the time of the answer.
fn leaks(question: &[u8], before: &[u8], then: &str) -> bool {
    let mut session = stage().session();
    session.replication = None;
    session.lineage = lineage(&session, "email");
    asks(&mut session, question);
    session.lineage = lineage(&session, then);
    let described = message(
        b'T',
        b"\0\x01email\0\0\0\x4e\x20\0\x01\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    );
    let row = message(b'D', &[b"\0\x01\0\0\0\x12", CANARY].concat());
    let rest = [message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat();
    let heard = hears(&mut session, &[before, &described, &row, &rest].concat());
    assert!(heard.ends_with(b"Z\0\0\0\x05I"), "{heard:?}");
    heard.windows(CANARY.len()).any(|part| part == CANARY)
}

#[test]
fn what_was_sensitive_when_it_was_asked_for_is_masked_also_where_it_is_no_more() {
    let query = message(b'Q', b"SELECT email FROM people\0");
    assert!(!leaks(&query, b"", "email"));
    assert!(!leaks(&query, b"", "harmless"));
    let extended = [
        message(b'P', b"\0SELECT email FROM people\0\0\0"),
        message(b'B', b"\0\0\0\0\0\0\0\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ];
    let did = [message(b'1', b""), message(b'2', b"")].concat();
    assert!(!leaks(&extended.concat(), &did, "harmless"));
}

#[test]
fn what_was_harmless_is_shown_as_long_as_it_is() {
    let mut session = stage().session();
    session.replication = None;
    session.lineage = lineage(&session, "harmless");
    asks(
        &mut session,
        &message(b'Q', b"SELECT harmless FROM people\0"),
    );
    session.lineage = lineage(&session, "harmless");
    let described = message(
        b'T',
        b"\0\x01harmless\0\0\0\x4e\x20\0\x01\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    );
    let row = message(b'D', &[b"\0\x01\0\0\0\x12", CANARY].concat());
    let heard = hears(&mut session, &[described, row].concat());
    assert!(heard.windows(CANARY.len()).any(|part| part == CANARY));
}
