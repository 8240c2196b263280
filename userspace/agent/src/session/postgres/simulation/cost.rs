//! What weir's own work on one statement costs, prepared and as a text, sockets and waiting left out:
//! read, judged, recorded, its answer read and recorded, in CPU time of the session's thread. By hand,
//! with how often as `COUNT`:
//!
//! `cargo test --release -p weir-agent --lib -- --ignored --nocapture what_a_prepared`

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use weir_policy::{RowCounts, Source};
use weir_record::{Durability, Options, Recorder, SigningKey};
use weir_wire::postgres::{Decoded, Limits, decode_frame, frontend};

use super::world::Stage;
use crate::{
    mask::{
        catalogue::{Catalogue, ColumnNumber, Relation, RelationOid},
        lineage::Lineage,
        plan::Unknown,
    },
    session::postgres::{governed::Governed, reading::Judgement, request::Heard},
};

pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut raw = vec![tag];
    raw.put_u32(u32::try_from(body.len() + 4).unwrap());
    raw.extend_from_slice(body);
    raw
}

fn asks(session: &mut Governed, received: &mut BytesMut, raw: &[u8]) {
    received.extend_from_slice(raw);
    session.now = Instant::now();
    while let Decoded::Complete(frame) = decode_frame(received, &Limits::default()).unwrap() {
        let heard = session
            .on_request(frontend::decode(frame).unwrap())
            .unwrap();
        assert!(matches!(heard, Heard::Done), "{heard:?}");
    }
    session.judge.settle();
    session.sink.settle().unwrap();
    let sent = session.sink.pending().len();
    session.sink.written(sent);
}

fn answers(session: &mut Governed, received: &mut BytesMut, raw: &[u8]) {
    received.extend_from_slice(raw);
    session.now = Instant::now();
    loop {
        let rows = session.rows(received, &Limits::default()).unwrap();
        if rows > 0 {
            received.advance(rows);
            continue;
        }
        match decode_frame(received, &Limits::default()).unwrap() {
            Decoded::Complete(frame) => {
                session.on_answer(frame, Unknown::Refresh).unwrap();
            }
            Decoded::Incomplete { .. } => break,
        }
    }
    session.shown.settle(&mut session.record).unwrap();
    session.judge.settle();
    let shown = session.shown.pending().len();
    session.shown.written(shown);
}

fn transaction(
    session: &mut Governed,
    agent: &mut BytesMut,
    target: &mut BytesMut,
    request: &[u8],
    answer: &[u8],
) {
    asks(session, agent, request);
    answers(session, target, answer);
}

fn cpu() -> u128 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn what_a_prepared_statement_costs() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let sources = fs::read_dir(policies).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        Source {
            name: path.file_name().unwrap().to_str().unwrap().into(),
            text: fs::read_to_string(&path).unwrap(),
        }
    });
    let mut stage = Stage::of(&sources.collect::<Vec<_>>());
    let records = stage.records();
    stage.recorder = Some(
        Recorder::open(Options {
            dir: records.clone(),
            key: SigningKey::open(records.parent().unwrap()).unwrap(),
            durability: Durability::Batched,
            recipients: Vec::new(),
            reserve: 0,
            keep: None,
            max_size: None,
        })
        .unwrap(),
    );
    let mut session = stage.session();
    session.replication = None;
    let columns = ["aid", "bid", "abalance", "filler"];
    let columns = (1..)
        .map(ColumnNumber)
        .zip(columns.map(str::to_owned))
        .collect::<HashMap<_, _>>();
    let accounts = Relation {
        schema: "public".into(),
        name: "pgbench_accounts".into(),
        columns,
        is_view: false,
    };
    let catalogue = Catalogue {
        relations: [(RelationOid(20_000), accounts)].into(),
        ..Catalogue::default()
    };
    session.lineage = Arc::new(Lineage::new(
        &catalogue,
        session.judge.policies().masking(),
        "db",
        "shop",
    ));
    let (mut agent, mut target) = (BytesMut::new(), BytesMut::new());
    let parse = message(
        b'P',
        b"P0\0SELECT abalance FROM pgbench_accounts WHERE aid = $1;\0\0\0",
    );
    let sync = message(b'S', b"");
    let ready = message(b'Z', b"I");
    asks(&mut session, &mut agent, &[&parse[..], &sync].concat());
    answers(
        &mut session,
        &mut target,
        &[&message(b'1', b"")[..], &ready].concat(),
    );
    let bind = message(b'B', b"\0P0\0\0\0\0\x01\0\0\0\x0512345\0\0");
    let describe = message(b'D', b"P\0");
    let execute = message(b'E', b"\0\0\0\0\0");
    let request = [&bind[..], &describe, &execute, &sync].concat();
    let described = message(
        b'T',
        b"\0\x01abalance\0\0\0\x4e\x20\0\x03\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0",
    );
    let row = message(b'D', b"\0\x01\0\0\0\x010");
    let answer = [
        &message(b'2', b"")[..],
        &described,
        &row,
        &message(b'C', b"SELECT 1\0"),
        &ready,
    ]
    .concat();
    let count = std::env::var("COUNT").map_or(20_000, |count| count.parse().unwrap());
    told("a prepared statement", count, || {
        transaction(&mut session, &mut agent, &mut target, &request, &answer);
    });
    let unnamed = message(
        b'P',
        b"\0SELECT abalance FROM pgbench_accounts WHERE aid = $1;\0\0\0",
    );
    let bind = message(b'B', b"\0\0\0\0\0\x01\0\0\0\x0512345\0\0");
    let request = [&unnamed[..], &bind, &describe, &execute, &sync].concat();
    let parsed = [&message(b'1', b"")[..], &answer].concat();
    told("the same, parsed each time", count, || {
        transaction(&mut session, &mut agent, &mut target, &request, &parsed);
    });
    let shown = [&described[..], &row, &message(b'C', b"SELECT 1\0"), &ready].concat();
    let mut number = 0;
    told("a text that differs in a literal", count, || {
        number += 1;
        let text = format!("SELECT abalance FROM pgbench_accounts WHERE aid = {number};\0");
        let request = message(b'Q', text.as_bytes());
        transaction(&mut session, &mut agent, &mut target, &request, &shown);
    });
    let text = b"SELECT abalance FROM pgbench_accounts WHERE aid = $1;";
    let prepared = session.texts.read(&Bytes::from_static(text), &[]);
    told("its judgement, which the session remembers", count, || {
        let mut behind = session.behind(&prepared).unwrap();
        let judgement = session.judged(&prepared, &mut behind, RowCounts::default());
        assert!(matches!(judgement, Ok(Judgement::Allowed(..))));
    });
}

fn told(what: &str, count: u128, mut work: impl FnMut()) {
    let mut each: Vec<u128> = Vec::new();
    for _ in 0..20 {
        let before = cpu();
        (0..count).for_each(|_| work());
        each.push((cpu() - before) / count);
    }
    each.sort();
    println!(
        "{what}: {} ns at least, {} ns in the middle",
        each[0], each[10]
    );
}
