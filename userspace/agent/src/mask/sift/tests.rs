use std::sync::Arc;

use proptest::prelude::*;
use weir_policy::{Clear, Detectors, Policies, Source};
use weir_wire::postgres::{Format, backend::DataRow};

use super::*;

/// What is looked for by masking rules that say no more than these classes.
pub(crate) fn net(method: &str) -> Net {
    let classes = [
        "pan",
        "email",
        "secret",
        "national_id",
        "bank_account",
        "phone",
    ];
    let mut text: String = classes
        .iter()
        .map(|class| format!("[class.{class}]\nmethod = {method}\n"))
        .collect();
    text.push_str(
        "[[detector]]\nclass = \"secret\"\nname = \"own\"\npattern = 'EMP-\\d+|\"odd.*'\n",
    );
    let mut sources = Policies::shipped_sources();
    sources.retain(|source| source.name == "00-permits.cedar");
    sources.push(Source {
        name: "masking.toml".into(),
        text,
    });
    let policies = Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"));
    let detection = policies.masking().detection(Detectors::all(), "t", "d");
    Net::new(&Arc::new(detection), &Clear::default()).unwrap()
}

const REDACT: &str = "\"redact\"";
const PARTIAL: &str = "\"partial\"\nkeep_last = 4";

/// What becomes of a value, and what was told.
fn sifted(method: &str, value: &[u8], form: Form) -> (Option<Vec<u8>>, Vec<String>) {
    let (net, key) = (net(method), MaskKey::fixed());
    let mut found = Vec::new();
    let mut told = |hit: &Hit<'_>| found.push(hit.detector.to_owned());
    let mut out = b"of another value".to_vec();
    let sifted = Sifter::new(&net, &key, &mut told).sift(value, form, &mut out);
    let out = match sifted {
        Sifted::Clean => Some(value.to_vec()),
        Sifted::Changed => Some(out),
        Sifted::Null => None,
    };
    (out, found)
}

fn becomes(method: &str, value: &str, form: Form) -> String {
    let (out, _) = sifted(method, value.as_bytes(), form);
    out.map_or("NULL".to_owned(), |out| String::from_utf8(out).unwrap())
}

const TEXT: Form = Form::Text { limit: None };

#[test]
fn only_what_is_found_is_replaced() {
    let note = "card 4111 1111 1111 1111, mail ada@example.com.";
    assert_eq!(
        becomes(REDACT, note, TEXT),
        "card [redacted], mail [redacted]."
    );
    assert_eq!(
        becomes(PARTIAL, note, TEXT),
        "card **** **** **** 1111, mail ***@******e.com."
    );
    assert_eq!(becomes("\"null\"", note, TEXT), "NULL");
    let hashed = becomes("\"hash\"", note, TEXT);
    assert_eq!(hashed, becomes("\"hash\"", note, TEXT));
    assert!(!hashed.contains("1111"), "{hashed}");
    assert!(becomes("\"tokenise\"", note, TEXT).starts_with("card tok_"));
    assert_eq!(becomes(REDACT, "nothing", TEXT), "nothing");
    // No longer than its type allows.
    let short = Form::Text { limit: Some(12) };
    assert_eq!(becomes(REDACT, "é: a@b.co", short), "é: [redacted");
}

#[test]
fn json_stays_json() {
    let json = r#"{"card": 4111111111111111, "n":[1,"ada@example.com"],"bob@example.com":null, "k":"a\n\u0061da\u0040example.com \"x\""}"#;
    for method in [REDACT, PARTIAL, "\"hash\"", "\"tokenise\""] {
        for form in [Form::Json, Form::Untyped] {
            let masked = becomes(method, json, form);
            let value: serde_json::Value = serde_json::from_str(&masked).unwrap();
            assert!(value["card"].is_string(), "{masked}");
            assert_eq!(value["n"][0], 1);
            for left in ["111111111111", "ada", "bob", "\\u0040"] {
                assert!(!masked.contains(left), "{masked}");
            }
        }
    }
    assert_eq!(
        becomes(REDACT, r#"{"a":"x ada@example.com","b": 1.50}"#, Form::Json),
        r#"{"a":"x [redacted]","b": 1.50}"#
    );
    assert_eq!(becomes("\"null\"", json, Form::Json), "NULL");
    // What hides nothing stays as it is spelt.
    let spelt = r#"{"a":"\u0061\/", "b":1e5}"#;
    assert_eq!(becomes(REDACT, spelt, Form::Json), spelt);
    let binary = [b"\x01".as_slice(), json.as_bytes()].concat();
    for form in [Form::Jsonb, Form::Untyped] {
        let (out, _) = sifted(REDACT, &binary, form);
        let out = out.unwrap();
        assert_eq!(out[0], 1);
        assert!(serde_json::from_slice::<serde_json::Value>(&out[1..]).is_ok());
    }
    let key = r#"{"k":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"}"#;
    assert_eq!(becomes(REDACT, key, Form::Json), r#"{"k":"[redacted]"}"#);
    let own = r#"{"a":"x","odd":"EMP-17","b":EMP}"#;
    assert_eq!(
        becomes(REDACT, own, Form::Json),
        r#"{"a":"x","odd":"[redacted]","b":EMP}"#
    );
}

#[test]
fn what_has_a_structure_keeps_its_lengths() {
    let array = [
        b"\0\0\0\x01\0\0\0\x10".as_slice(),
        b"4111111111111111",
        b"\0\0\0\x0fada@example.com",
    ]
    .concat();
    for method in [REDACT, PARTIAL, "\"hash\"", "\"tokenise\""] {
        for form in [Form::Bytes, Form::Untyped] {
            let (out, told) = sifted(method, &array, form);
            let out = out.unwrap();
            assert_eq!(out.len(), array.len());
            assert_eq!(out[..8], array[..8]);
            assert_eq!(out[24..28], array[24..28]);
            assert_eq!(told, ["card", "email"]);
            assert!(!String::from_utf8_lossy(&out).contains("111111111111"));
        }
    }
    assert_eq!(
        becomes(REDACT, "{ada@example.com,\"4111 1111 1111 1111\"}", TEXT),
        "{[redacted],\"[redacted]\"}"
    );
    assert_eq!(
        becomes(REDACT, "\\x203431313131313131313131313131313120", Form::Hex),
        "\\x202a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a20"
    );
    assert_eq!(
        becomes(REDACT, "\\x4111111111111111", Form::Hex),
        "\\x4111111111111111"
    );
    assert_eq!(
        becomes(REDACT, "4111111111111111\\000", Form::Hex),
        "****************\\000"
    );
}

#[test]
fn bytes_that_are_written_as_digits_are_covered_wherever_they_stand() {
    let digits = "34".to_owned() + &"31".repeat(15);
    let row = format!("(1,\"\\\\x{digits}\",\\x20)");
    let covered = row.replace(&digits, &"2a".repeat(16));
    assert_eq!(becomes(REDACT, &row, TEXT), covered);
    assert_eq!(
        becomes(REDACT, &format!("{row} a@b.co"), TEXT),
        format!("{covered} [redacted]")
    );
    let json = |digits: &str| format!("{{\"a\": \"\\\\x{digits}\"}}");
    assert_eq!(
        becomes(REDACT, &json(&digits), Form::Json),
        json(&"2a".repeat(16))
    );
    assert_eq!(becomes("\"null\"", &row, TEXT), "NULL");
}

#[test]
fn a_number_is_replaced_as_a_whole() {
    let number = |kind| Form::Whole { kind };
    let card = "4111111111111111";
    assert_eq!(becomes(REDACT, card, number(Kind::Integer(8))), "NULL");
    assert_eq!(becomes(REDACT, card, number(Kind::Other)), "NULL");
    let token = becomes("\"tokenise\"", card, number(Kind::Integer(8)));
    assert!(
        token
            .parse::<i64>()
            .is_ok_and(|token| token.to_string() != card)
    );
    let (binary, told) = sifted(
        "\"tokenise\"",
        &4_111_111_111_111_111_i64.to_be_bytes(),
        Form::Bigint,
    );
    assert_eq!(
        i64::from_be_bytes(binary.unwrap().try_into().unwrap()).to_string(),
        token
    );
    assert_eq!(told, ["card"]);
    for clean in [17, i64::MIN, i64::MAX] {
        let (out, told) = sifted(REDACT, &clean.to_be_bytes(), Form::Bigint);
        assert_eq!(
            (out.unwrap(), told),
            (clean.to_be_bytes().to_vec(), Vec::new())
        );
    }
}

#[test]
fn forms_are_those_of_the_types() {
    use Format::{Binary, Text};
    let of = |oid, format| Form::of(oid, -1, format);
    for oid in [25, 19, 18, 1042, 1043, 705, 142] {
        assert_eq!(of(oid, Text), Some(TEXT));
        assert_eq!(of(oid, Binary), Some(TEXT));
    }
    assert_eq!(
        Form::of(1043, 24, Text),
        Some(Form::Text { limit: Some(20) })
    );
    assert_eq!(
        (of(114, Text), of(114, Binary)),
        (Some(Form::Json), Some(Form::Json))
    );
    assert_eq!(
        (of(3802, Text), of(3802, Binary)),
        (Some(Form::Json), Some(Form::Jsonb))
    );
    assert_eq!(
        (of(17, Text), of(17, Binary)),
        (Some(Form::Hex), Some(Form::Bytes))
    );
    assert_eq!(
        (of(1009, Text), of(1009, Binary)),
        (Some(TEXT), Some(Form::Bytes))
    );
    assert_eq!(
        (of(20_000, Text), of(20_000, Binary)),
        (Some(TEXT), Some(Form::Untyped))
    );
    assert_eq!(of(20, Binary), Some(Form::Bigint));
    let whole = Form::Whole { kind: Kind::Other };
    assert_eq!((of(1700, Text), of(1700, Binary)), (Some(whole), None));
    assert_eq!(
        (of(199, Text), of(3807, Binary)),
        (Some(whole), Some(whole))
    );
    for machine in [16, 23, 1114, 2950, 869, 701] {
        assert_eq!((of(machine, Text), of(machine, Binary)), (None, None));
    }
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let known: [&[u8]; 14] = [
        b"4111111111111111",
        b"ada@example.com",
        b"\"",
        b"\\",
        b"\\u0040",
        b"{",
        b"}",
        b":",
        b"EMP-1",
        b"\x01",
        b"\\x",
        b"123-45-6789",
        b"\xc3\xa9",
        b",",
    ];
    prop_oneof![
        prop::sample::select(known.map(<[u8]>::to_vec).to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    prop::sample::select(vec![
        TEXT,
        Form::Text { limit: Some(5) },
        Form::Json,
        Form::Jsonb,
        Form::Hex,
        Form::Bytes,
        Form::Whole { kind: Kind::Other },
        Form::Bigint,
        Form::Untyped,
    ])
}

proptest! {
    #[test]
    fn nothing_that_comes_stops_it(parts in prop::collection::vec(part(), 0..12), form in form()) {
        let value = parts.concat();
        for method in [REDACT, PARTIAL] {
            let (out, told) = sifted(method, &value, form);
            if told.is_empty() {
                prop_assert_eq!(out, Some(value.clone()));
            } else if form == Form::Bytes {
                prop_assert_eq!(out.map(|out| out.len()), Some(value.len()));
            }
        }
    }

    #[test]
    fn rows_keep_their_columns(
        cells in prop::collection::vec(prop::option::of(prop::collection::vec(part(), 0..4)), 0..6),
        forms in prop::collection::vec(form(), 6),
    ) {
        let (net, key) = (net(REDACT), MaskKey::fixed());
        let cells: Vec<Option<Vec<u8>>> = cells.into_iter().map(|cell| cell.map(|parts| parts.concat())).collect();
        let given: Vec<Option<&[u8]>> = cells.iter().map(|cell| cell.as_deref()).collect();
        let row = DataRow::new(&given).unwrap();
        let mut out = bytes::BytesMut::new();
        let mut scratch = Vec::new();
        let plan = crate::mask::plan::Plan::sifting(&forms[..given.len()], net);
        let mut found = 0;
        plan.apply(row.row(), &key, &mut scratch, &mut out, &mut |_, _| found += 1).unwrap();
        if found == 0 {
            prop_assert_eq!(&out[..], &row.frame().raw()[..]);
        }
        let frame = match weir_wire::postgres::decode_frame(&mut out, &weir_wire::postgres::Limits::default()) {
            Ok(weir_wire::postgres::Decoded::Complete(frame)) => frame,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        prop_assert!(out.is_empty());
        let shown = DataRow::decode(frame).unwrap();
        prop_assert_eq!(shown.len(), row.len());
        for (shown, given) in shown.columns().zip(row.columns()) {
            prop_assert!(shown.is_none() || given.is_some());
        }
    }
}
