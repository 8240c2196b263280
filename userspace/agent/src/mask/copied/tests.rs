use proptest::prelude::*;

use super::*;
use crate::mask::sift::tests::net;

const TEXT: CopyForm = CopyForm::Text { delimiter: b'\t' };
const CSV: CopyForm = CopyForm::Csv {
    delimiter: b',',
    quote: b'"',
    escape: b'"',
};

/// What becomes of rows, and in which columns something was found.
fn copied(form: Option<CopyForm>, rows: &[&[u8]]) -> Result<(Vec<u8>, Vec<u16>), Malformed> {
    let mut copied = Copied::new(net("\"redact\""), form);
    let (mut all, mut columns, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let mut told = |column, _: &Hit<'_>| columns.push(column);
        copied.sift(row, &MaskKey::fixed(), &mut out, &mut told)?;
        all.extend_from_slice(&out);
    }
    Ok((all, columns))
}

fn becomes(form: CopyForm, row: &str) -> String {
    String::from_utf8(copied(Some(form), &[row.as_bytes()]).unwrap().0).unwrap()
}

#[test]
fn fields_are_read_as_they_are_escaped() {
    let of = |delimiter| CopyForm::Text { delimiter };
    assert_eq!(
        becomes(TEXT, "1\tada@example.com\t\\N\tx\\ny\n"),
        "1\t[redacted]\t\\N\tx\\ny\n"
    );
    // A delimiter that is of the value is escaped, and hides it from whoever doesn't know.
    assert_eq!(
        becomes(of(b'@'), "1@ada\\@example.com@x\n"),
        "1@[redacted]@x\n"
    );
    assert_eq!(
        becomes(of(b'-'), "123\\-45\\-6789-\\\\\n"),
        "[redacted]-\\\\\n"
    );
    assert_eq!(
        becomes(of(b'['), "a\\[ ada@example.com\n"),
        "a\\[ \\[redacted]\n"
    );
    assert_eq!(
        becomes(TEXT, "{\"c\": 4111111111111111}\n"),
        "{\"c\": \"[redacted]\"}\n"
    );
    assert_eq!(becomes(TEXT, "\n"), "\n");
    assert_eq!(copied(Some(TEXT), &[b"a"]), Err(Malformed));
}

#[test]
fn csv_is_read_by_its_quotes() {
    assert_eq!(
        becomes(CSV, "1,\"x, ada@example.com\ny\",,\"a\"\"b\"\n"),
        "1,\"x, [redacted]\ny\",,\"a\"\"b\"\n"
    );
    assert_eq!(becomes(CSV, "ada@example.com\n"), "\"[redacted]\"\n");
    let odd = CopyForm::Csv {
        delimiter: b';',
        quote: b'1',
        escape: b'1',
    };
    // Each 1 of the value stands there twice.
    let doubled = format!("14{}1;x\n", "1".repeat(30));
    assert_eq!(becomes(odd, &doubled), "1[redacted]1;x\n");
    let escaped = CopyForm::Csv {
        delimiter: b',',
        quote: b'"',
        escape: b'@',
    };
    assert_eq!(
        becomes(escaped, "\"ada@@example.com\",b\n"),
        "\"[redacted]\",b\n"
    );
    assert_eq!(copied(Some(CSV), &[b"\"a\n"]), Err(Malformed));
}

fn tuple(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut row = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for field in fields {
        let length = field.map_or(-1, |f| i32::try_from(f.len()).unwrap());
        row.extend(length.to_be_bytes());
        row.extend(field.unwrap_or_default());
    }
    row
}

#[test]
fn binary_rows_are_read_by_their_lengths() {
    let header = [SIGNATURE, &[0; 8]].concat();
    let first = [
        header.clone(),
        tuple(&[Some(b"ada@example.com"), None, Some(b"\0\0\0\x07")]),
    ]
    .concat();
    let trailer = (-1_i16).to_be_bytes();
    let (out, columns) = copied(Some(CopyForm::Binary), &[&first, &trailer]).unwrap();
    let shown = tuple(&[Some(b"[redacted]"), None, Some(b"\0\0\0\x07")]);
    assert_eq!(out, [header.clone(), shown, trailer.to_vec()].concat());
    assert_eq!(columns, [0]);
    let apart = copied(
        Some(CopyForm::Binary),
        &[&header, &tuple(&[Some(b"x")]), &trailer],
    )
    .unwrap();
    assert_eq!(
        apart.0,
        [header, tuple(&[Some(b"x")]), trailer.to_vec()].concat()
    );
    for cut in 0..first.len() {
        let got = copied(Some(CopyForm::Binary), &[&first[..cut]]);
        assert!(got.is_err() || cut == SIGNATURE.len() + 8, "{cut}");
    }
}

#[test]
fn rows_of_an_unknown_form_are_masked_as_a_whole() {
    let (out, _) = copied(None, &[b"a|b\n", b"\xff"]).unwrap();
    assert_eq!(out, b"[redacted]\n[redacted]\n");
}

fn escaped(field: &[u8], delimiter: u8) -> Vec<u8> {
    let mut out = Vec::new();
    field
        .iter()
        .for_each(|byte| escape_text(*byte, delimiter, &mut out));
    out
}

proptest! {
    #[test]
    fn nothing_that_comes_stops_it(row in prop::collection::vec(any::<u8>(), 0..80)) {
        for form in [TEXT, CSV, CopyForm::Binary] {
            drop(copied(Some(form), &[&row]));
        }
    }

    #[test]
    fn a_row_keeps_its_fields(
        fields in prop::collection::vec(prop_oneof![Just("ada@example.com".to_owned()), "[a@,\\\\\n\t\"1-]{0,6}"], 1..5),
        delimiter in prop::sample::select(b"\t,;@-[|".to_vec()),
    ) {
        let row: Vec<Vec<u8>> = fields.iter().map(|field| escaped(field.as_bytes(), delimiter)).collect();
        let row = [row.join(&delimiter), b"\n".to_vec()].concat();
        let (out, columns) = copied(Some(CopyForm::Text { delimiter }), &[&row]).unwrap();
        let shown: Vec<Vec<u8>> = fields
            .iter()
            .map(|field| match field.as_str() {
                "ada@example.com" => escaped(b"[redacted]", delimiter),
                other => escaped(other.as_bytes(), delimiter),
            })
            .collect();
        prop_assert_eq!(out, [shown.join(&delimiter), b"\n".to_vec()].concat());
        let hits = fields.iter().filter(|field| *field == "ada@example.com").count();
        prop_assert_eq!(columns.len(), hits);
    }
}
