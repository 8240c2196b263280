//! JSON without what detectors find in it: still JSON, with everything else as it was spelt.
//!
//! Each string and each number is looked through by itself, with what stands before it, such as its
//! key. What is found in a string is replaced there, a number as a whole by a string.

use serde::de::IgnoredAny;
use weir_policy::Method;

use super::{Sifted, Sifter, hides};

/// Whether this is JSON.
pub(super) fn is(value: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(value).is_ok()
}

impl Sifter<'_> {
    pub(super) fn json(&mut self, value: &[u8], out: &mut Vec<u8>) -> Sifted {
        if !hides(value) && self.net.hits(value, 0).next().is_none() {
            return Sifted::Clean;
        }
        let mut kept = 0;
        let mut at = 0;
        while let Some(byte) = value.get(at) {
            let end = match byte {
                b'"' => at + string(value.get(at..).unwrap_or_default()),
                b'-' | b'0'..=b'9' => at + number(value.get(at..).unwrap_or_default()),
                _ => {
                    at += 1;
                    continue;
                }
            };
            match self.token(value.get(..end).unwrap_or_default(), at) {
                Token::Clean => {}
                Token::Null => return Sifted::Null,
                Token::Changed(token) => {
                    if kept == 0 {
                        out.clear();
                    }
                    out.extend_from_slice(value.get(kept..at).unwrap_or_default());
                    out.extend_from_slice(&token);
                    kept = end;
                }
            }
            at = end;
        }
        if kept == 0 {
            return Sifted::Clean;
        }
        out.extend_from_slice(value.get(kept..).unwrap_or_default());
        Sifted::Changed
    }

    /// Looks through the string or number that begins at `from` and ends `until`.
    fn token(&mut self, until: &[u8], from: usize) -> Token {
        let token = until.get(from..).unwrap_or_default();
        let quoted = token.starts_with(b"\"");
        let escapes = quoted && token.contains(&b'\\');
        if escapes && let Ok(text) = serde_json::from_slice::<String>(token) {
            let mut sifted = Vec::new();
            return match self.text(text.as_bytes(), None, &mut sifted) {
                Sifted::Clean => Token::Clean,
                Sifted::Null => Token::Null,
                Sifted::Changed => {
                    let text = String::from_utf8_lossy(&sifted);
                    serde_json::to_vec(&text).map_or(Token::Null, Token::Changed)
                }
            };
        }
        if !quoted {
            let hit = self.net.hits(until, from).next();
            let Some(hit) = hit else { return Token::Clean };
            (self.told)(&hit);
            if hit.method == Method::Null {
                return Token::Null;
            }
            let mut changed = vec![b'"'];
            self.instead(&hit, until, &mut changed);
            changed.push(b'"');
            return Token::Changed(changed);
        }
        // A pattern of somebody's own might match a quote.
        let until = until.strip_suffix(b"\"").unwrap_or(until);
        let mut changed = vec![b'"'];
        let mut kept = from + 1;
        for hit in self.net.hits(until, from + 1) {
            (self.told)(&hit);
            if hit.method == Method::Null {
                return Token::Null;
            }
            changed.extend_from_slice(until.get(kept..hit.range.start).unwrap_or_default());
            // An escape that can't be read is no text's: nothing of it is left.
            let begun = changed.len();
            self.instead(&hit, until, &mut changed);
            for byte in changed.iter_mut().skip(begun).filter(|b| **b == b'\\') {
                *byte = b'*';
            }
            kept = hit.range.end;
        }
        if kept == from + 1 {
            return Token::Clean;
        }
        changed.extend_from_slice(until.get(kept..).unwrap_or_default());
        changed.push(b'"');
        Token::Changed(changed)
    }
}

/// What a string or a number has become.
enum Token {
    Clean,
    Changed(Vec<u8>),
    Null,
}

/// The length of the string at the beginning, quotes included.
fn string(value: &[u8]) -> usize {
    let mut escaped = false;
    let inner = value.iter().skip(1).take_while(|byte| {
        let ends = **byte == b'"' && !escaped;
        escaped = **byte == b'\\' && !escaped;
        !ends
    });
    (inner.count() + 2).min(value.len())
}

/// The length of the number at the beginning.
fn number(value: &[u8]) -> usize {
    let is = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    value.iter().take_while(is).count()
}
