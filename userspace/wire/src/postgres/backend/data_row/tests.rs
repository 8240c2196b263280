//! Rows as they come, rows that lie, and rows made anew.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*, sample::Index};

use super::{DataRow, DataRowBuilder, Rows};
use crate::WireError;
use crate::postgres::golden::{body, closed, frame, hides};
use crate::postgres::{Decoded, Limits, decode_frame};

pub(crate) const GOLDEN: &[u8] =
    b"D\0\0\0\x1b\0\x04\0\0\0\x03Ann\xff\xff\xff\xff\0\0\0\0\0\0\0\x02\0\x01";

const COLUMNS: [Option<&[u8]>; 4] = [Some(b"Ann"), None, Some(b""), Some(b"\0\x01")];

#[test]
fn golden() {
    let message = closed(GOLDEN, DataRow::new(&COLUMNS).unwrap(), DataRow::decode);
    assert_eq!(message.columns().collect::<Vec<_>>(), COLUMNS);
    assert_eq!(
        (message.len(), message.columns().len(), message.is_empty()),
        (4, 4, false)
    );
    hides(&message, &["Ann", "65, 110"]);
    hides(&message.columns(), &["Ann", "65, 110"]);
}

#[test]
fn one_column_by_its_place() {
    let row = DataRow::decode(frame(GOLDEN)).unwrap();
    assert_eq!(row.column(0), Some(Some(Bytes::from("Ann"))));
    assert_eq!(row.column(1), Some(None));
    assert_eq!(row.column(2), Some(Some(Bytes::new())));
    assert_eq!(row.column(4), None);
}

#[test]
fn columns_share_the_frame_s_memory() {
    let row = DataRow::decode(frame(GOLDEN)).unwrap();
    let memory = row.frame().raw().as_ptr_range();
    assert!(memory.contains(&row.column(0).unwrap().unwrap().as_ptr()));
    assert!(memory.contains(&row.columns().next().unwrap().unwrap().as_ptr()));
}

#[test]
fn no_columns_are_a_row() {
    let row = DataRow::decode(body(b'D', &[0, 0])).unwrap();
    assert!(row.is_empty());
    assert_eq!(row.columns().next(), None);
}

#[test]
fn a_lying_count_is_an_error() {
    for (count, columns) in [(2, 1), (0xffff, 1), (0xffff, 65_534), (0, 1), (1, 2)] {
        let count: u16 = count;
        let bytes = [&count.to_be_bytes()[..], &[0xff; 4].repeat(columns)].concat();
        let error = DataRow::decode(body(b'D', &bytes)).unwrap_err();
        let fits = usize::from(count) < columns;
        assert_eq!(matches!(error, WireError::Leftover { .. }), fits, "{error}");
        assert_eq!(
            matches!(error, WireError::CountTooLarge { .. }),
            !fits,
            "{error}"
        );
    }
}

#[test]
fn a_lying_length_is_an_error() {
    for length in [-2, i32::MIN, 0, 2, 4, i32::MAX] {
        let bytes = [&[0, 1][..], &length.to_be_bytes(), b"Ann"].concat();
        assert!(DataRow::decode(body(b'D', &bytes)).is_err(), "{length}");
    }
}

#[test]
fn only_minus_one_is_null() {
    assert!(DataRow::decode(body(b'D', b"\0\x01\xff\xff\xff\xff")).is_ok());
    for length in [-2_i32, i32::MIN] {
        let bytes = [&[0, 1][..], &length.to_be_bytes()].concat();
        let error = DataRow::decode(body(b'D', &bytes)).unwrap_err();
        let value = i64::from(length);
        assert!(matches!(error, WireError::Undefined { value: found, .. } if found == value));
    }
}

#[test]
fn a_length_that_reaches_into_the_next_column_is_an_error() {
    let bytes = b"\0\x02\0\0\0\x05Ann\0\0\0\x03Bob";
    assert!(DataRow::decode(body(b'D', bytes)).is_err());
}

#[test]
fn a_row_is_written_after_what_the_buffer_holds() {
    let row = DataRow::decode(frame(GOLDEN)).unwrap();
    let mut out = BytesMut::from(&b"before"[..]);
    let mut builder = DataRowBuilder::begin(&mut out);
    for (index, column) in row.columns().enumerate() {
        builder
            .column(if index == 0 { Some(b"***") } else { column })
            .unwrap();
    }
    builder.finish().unwrap();
    let masked = out.split_off(6).freeze();
    assert_eq!(out, "before");
    let masked = DataRow::decode(frame(&masked)).unwrap();
    let columns: Vec<_> = masked.columns().collect();
    assert_eq!(
        columns,
        [Some(&b"***"[..]), COLUMNS[1], COLUMNS[2], COLUMNS[3]]
    );
}

#[test]
fn half_a_row_is_taken_back() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut builder = DataRowBuilder::begin(&mut out);
    builder.column(Some(b"Ann")).unwrap();
    hides(&builder, &["Ann", "before"]);
    drop(builder);
    assert_eq!(out, "before");
}

#[test]
fn a_row_of_too_many_columns_is_taken_back() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut builder = DataRowBuilder::begin(&mut out);
    for _ in 0..=u16::MAX {
        builder.column(None).unwrap();
    }
    let error = builder.finish().unwrap_err();
    assert!(
        matches!(error, WireError::OutOfRange { found: 65_536, .. }),
        "{error}"
    );
    assert_eq!(out, "before");
}

/// What the run takes, by the way that a single message goes.
fn one_by_one(mut bytes: &[u8], columns: usize, limit: usize) -> (Vec<DataRow>, usize) {
    let limits = Limits {
        message: limit,
        ..Limits::default()
    };
    let (mut rows, whole) = (Vec::new(), bytes.len());
    loop {
        let mut buffer = BytesMut::from(bytes);
        let Ok(Decoded::Complete(frame)) = decode_frame(&mut buffer, &limits) else {
            break;
        };
        match DataRow::decode(frame) {
            Ok(row) if row.len() == columns => rows.push(row),
            _ => break,
        }
        bytes = &bytes[bytes.len() - buffer.len()..];
    }
    (rows, whole - bytes.len())
}

proptest! {
    /// Whatever stands there, a run takes what would be taken message by message, and no more.
    #[test]
    fn a_run_is_what_its_rows_are_one_by_one(
        rows in vec(vec(option::of(vec(any::<u8>(), 0..6)), 1..4), 0..6),
        columns in 1..4_usize,
        limit in prop_oneof![Just(10_usize), Just(1000)],
        lies in vec((any::<Index>(), prop_oneof![Just(0_u8), Just(0xff), any::<u8>()]), 0..3),
        cut in any::<Index>(),
    ) {
        let mut bytes = BytesMut::new();
        for row in &rows {
            let row: Vec<Option<&[u8]>> = row.iter().map(Option::as_deref).collect();
            bytes.extend_from_slice(DataRow::new(&row).unwrap().frame().raw());
        }
        if !bytes.is_empty() {
            for (place, value) in lies {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let mut run = Rows::ahead(&bytes, columns, limit);
        let (expected, end) = one_by_one(&bytes, columns, limit);
        for row in &expected {
            let found = run.next().unwrap();
            prop_assert_eq!(found.raw(), &row.frame().raw()[..]);
            prop_assert!(found.columns().eq(row.columns()));
        }
        prop_assert!(run.next().is_none());
        prop_assert_eq!(run.end(), end);
    }
}
