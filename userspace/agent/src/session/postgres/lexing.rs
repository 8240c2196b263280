//! Settings under which the target reads text otherwise than weir's parser does.
//!
//! A statement that sets them is opaque, so refused as shipped. This is the second line: the
//! target reports both settings (`GUC_REPORT`), whoever set them.

use weir_wire::postgres::backend::ParameterStatus;

use super::governed::SessionError;

/// Client encodings in which no byte of a longer character is an ASCII one. In the others (SJIS,
/// BIG5, GBK, UHC, JOHAB, GB18030) the second byte can be a backslash or a quote.
const SAFE_ENCODINGS: [&str; 4] = ["UTF8", "UNICODE", "SQL_ASCII", "MULE_INTERNAL"];
const SAFE_FAMILIES: [&str; 5] = ["LATIN", "ISO_8859_", "WIN", "KOI8", "EUC_"];

/// An error when the target reports a setting under which statements can't be judged.
pub(super) fn check(status: &ParameterStatus) -> Result<(), SessionError> {
    let value = String::from_utf8_lossy(status.value()).to_ascii_uppercase();
    match status.name().as_ref() {
        b"standard_conforming_strings" if value != "ON" => Err(SessionError::Lexing {
            name: "standard_conforming_strings",
            value,
        }),
        b"client_encoding" if !is_safe(&value) => Err(SessionError::Lexing {
            name: "client_encoding",
            value,
        }),
        _ => Ok(()),
    }
}

fn is_safe(encoding: &str) -> bool {
    SAFE_ENCODINGS.contains(&encoding)
        || SAFE_FAMILIES
            .iter()
            .any(|family| encoding.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, value: &str) -> bool {
        check(&ParameterStatus::new(name.as_bytes(), value.as_bytes()).unwrap()).is_ok()
    }

    #[test]
    fn only_readings_that_weir_shares_go_on() {
        for encoding in ["UTF8", "SQL_ASCII", "LATIN1", "WIN1252", "EUC_JP", "KOI8R"] {
            assert!(report("client_encoding", encoding), "{encoding}");
        }
        for encoding in [
            "SJIS",
            "SHIFT_JIS_2004",
            "BIG5",
            "GBK",
            "UHC",
            "JOHAB",
            "GB18030",
            "",
        ] {
            assert!(!report("client_encoding", encoding), "{encoding}");
        }
        assert!(report("standard_conforming_strings", "on"));
        assert!(!report("standard_conforming_strings", "off"));
        assert!(report("TimeZone", "off"));
    }
}
