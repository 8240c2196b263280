use bytes::BytesMut;
use weir_wire::postgres::{Decoded, Limits, backend, decode_frame};

use super::*;

/// An answer whose first row is this, and the count and digest of each table.
fn answer(first: [&str; 3], count: &str, digest: &str) -> Vec<DataRow> {
    let tables = TABLES.iter().map(|(table, _)| [*table, count, digest]);
    let rows = std::iter::once(first)
        .chain(tables)
        .chain([["pg_attribute", "0", digest]]);
    rows.map(|columns| row(&columns)).collect()
}

fn row(columns: &[&str]) -> DataRow {
    let mut out = BytesMut::new();
    let mut builder = backend::DataRowBuilder::begin(&mut out);
    for column in columns {
        builder.column(Some(column.as_bytes())).unwrap();
    }
    builder.finish().unwrap();
    let Ok(Decoded::Complete(frame)) = decode_frame(&mut out, &Limits::default()) else {
        panic!("no whole row");
    };
    DataRow::decode(frame).unwrap()
}

fn read() -> Fingerprint {
    Fingerprint::first(&answer(["700:702:700", "5", "then"], "9", "")).unwrap()
}

#[test]
fn the_same_rows_are_the_same_catalogue_and_others_are_not() {
    let is_still = |first, count, digest| read().is_still(&answer(first, count, digest));
    assert_eq!(is_still(["700:702:700", "5", "then"], "0", ""), Some(true));
    assert_eq!(is_still(["705:705:", "5", "then"], "9", ""), Some(true));
    for (first, count, digest) in [
        (["705:705:", "5", "then"], "8", ""),
        (["705:705:", "5", "then"], "9", "\\xaa"),
        // Nothing was counted, though there was reason to.
        (["705:705:", "5", "then"], "0", ""),
        (["700:702:700", "5", "later"], "0", ""),
        (["700:702:700", "6", "then"], "0", ""),
        (["1073742600:1073742600:", "5", "then"], "9", ""),
    ] {
        assert_eq!(is_still(first, count, digest), Some(false), "{first:?}");
    }
}

#[test]
fn what_is_no_answer_tells_nothing() {
    for snapshot in [
        "",
        "7",
        "x:y:",
        "699:700:",
        "1:2:'; DROP TABLE t; --",
        "-1:1:",
    ] {
        let rows = answer([snapshot, "5", "then"], "9", "");
        assert_ne!(read().is_still(&rows), Some(true), "{snapshot}");
    }
    let mut rows = answer(["705:705:", "5", "then"], "9", "");
    rows.pop();
    assert_eq!(read().is_still(&rows), None);
    assert_eq!(read().is_still(&[]), None);
    assert_eq!(Fingerprint::first(&rows), None);
    let nothing = answer(["705:705:", "5", "then"], "0", "");
    assert_eq!(Fingerprint::first(&nothing), None);
}

#[test]
fn a_transaction_of_another_epoch_is_asked_for_by_its_short_id() {
    let rows = answer(["4294967300:4294967301:", "5", "then"], "9", "");
    let question = Fingerprint::first(&rows).unwrap().question();
    assert!(question.contains("age('4'::xid)"), "{question}");
}
