//! Makes text from records, peers and files safe to show.
//!
//! Job: turn every character that acts on a terminal, or that hides or reorders what surrounds it,
//! into a visible escape. Not its job: colour. Known limit: a backslash is left as it is, so that a
//! value which itself holds the two characters `\n` reads the same as a line break; the raw bytes
//! stay in the record.

use std::fmt;

/// Whether a character would act on a terminal instead of being seen: controls (C0, DEL, C1),
/// bidirectional overrides, invisible joiners and separators, tags.
#[must_use]
pub(crate) fn is_hazard(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Text as it may be shown: on one line, with every hazard spelt out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_hazard(*c)) {
            let (clean, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
            f.write_str(clean)?;
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_ascii() => write!(f, "\\x{:02x}", u32::from(c))?,
                c => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            }
            rest = tail.get(c.len_utf8()..).unwrap_or("");
        }
        f.write_str(rest)
    }
}

/// JSON text with its hazards spelt as JSON escapes.
///
/// `serde_json` escapes the ASCII controls but lets C1 controls, DEL and direction overrides
/// through; outside of strings JSON text holds none of these, so that replacing them anywhere keeps
/// the text's meaning. Line breaks are the printer's own and stay.
#[must_use]
pub(crate) fn json_shown(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hazard(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_escape_becomes_text() {
        let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{7f}a\tb\r\nc";
        assert_eq!(
            Shown(hostile).to_string(),
            r"\x1b]0;owned\x07\u{9b}2J\x7fa\tb\r\nc"
        );
    }

    #[test]
    fn direction_overrides_and_invisible_characters_are_seen() {
        assert_eq!(
            Shown("a\u{202e}b\u{200b}c").to_string(),
            r"a\u{202e}b\u{200b}c"
        );
    }

    #[test]
    fn ordinary_text_in_any_script_is_left_alone() {
        let text = r"grüße 漢字 🦀 C:\temp";
        assert_eq!(Shown(text).to_string(), text);
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"k": "\u{9b}2J\u{7f}\u{202e}\u{e0001}é\n"});
        let text = json_shown(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && is_hazard(c)), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    proptest! {
        #[test]
        fn nothing_shown_is_a_hazard(text in any::<String>()) {
            prop_assert!(!Shown(&text).to_string().chars().any(is_hazard));
        }
    }
}
