//! One value of a result, as text.
//!
//! A prepared statement is described before its result's format is chosen, so a description may
//! say *text* of values that come as binary. What can't be the text form of its type is therefore
//! read as its binary form. Known limit: a value that is well-formed either way (the four bytes
//! `1234` of an `int4`) is shown as text.

use weir_wire::postgres::Format;

use super::{binary, oid};

/// The value as text; bytes that can't be read as its type are shown as bytes.
pub(super) fn text(type_oid: u32, format: Format, bytes: &[u8]) -> String {
    let as_text = || {
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text| is_text_of(type_oid, text))
    };
    let shown = match format {
        Format::Text => as_text()
            .map(str::to_owned)
            .or_else(|| binary::text(type_oid, bytes)),
        Format::Binary => binary::text(type_oid, bytes),
    };
    shown.unwrap_or_else(|| binary::hex(bytes))
}

/// Whether a text could be what the type's output function writes.
fn is_text_of(type_oid: u32, text: &str) -> bool {
    let number = |more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || more.contains(c))
    };
    let moment = |sign: char| text.contains(sign) || text.ends_with("infinity");
    match type_oid {
        oid::BOOL => matches!(text, "t" | "f"),
        oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => number("-"),
        oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => number("+-.e") || text.parse::<f64>().is_ok(),
        oid::UUID => text.len() == 36,
        oid::DATE => moment('-') || moment('/') || moment('.'),
        oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ => moment(':'),
        oid::JSONB => !text.starts_with('\u{1}'),
        // No text of PostgreSQL's holds a NUL; most binary forms do.
        _ => !text.contains('\0'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_at_its_word_where_it_can_be_meant() {
        for (type_oid, value) in [
            (oid::INT4, "-42"),
            (oid::NUMERIC, "12.50"),
            (oid::FLOAT8, "NaN"),
            (oid::DATE, "2026-11-21"),
            (oid::TIMESTAMPTZ, "2026-11-21 10:03:22+00"),
            (oid::TIMESTAMP, "-infinity"),
            (oid::TEXT, ""),
            (16_385, "{a,b}"),
        ] {
            assert_eq!(text(type_oid, Format::Text, value.as_bytes()), value);
        }
    }

    #[test]
    fn binary_values_of_a_statement_described_as_text_are_read() {
        assert_eq!(text(oid::INT4, Format::Text, &7_i32.to_be_bytes()), "7");
        assert_eq!(text(oid::BOOL, Format::Text, &[1]), "t");
        assert_eq!(
            text(oid::TIMESTAMP, Format::Text, &[0; 8]),
            "2000-01-01 00:00:00"
        );
        assert_eq!(text(16_385, Format::Text, &[0, 0, 0, 1]), "\\x00000001");
    }

    #[test]
    fn what_can_t_be_read_is_shown_as_bytes() {
        assert_eq!(text(oid::INT4, Format::Binary, &[1]), "\\x01");
        assert_eq!(text(oid::TEXT, Format::Text, &[0xff, 0xfe]), "\\xfffe");
        assert_eq!(text(16_385, Format::Binary, b"abc"), "\\x616263");
    }
}
