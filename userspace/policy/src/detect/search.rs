//! The one pass over a text.

use std::ops::Range;

use super::{At, Detector, Detectors, at::is_escaped, email, pem, phone};

/// The first match of `wanted` at or after `from`.
pub(crate) fn find(hay: &[u8], from: usize, wanted: Detectors) -> Option<(Range<usize>, Detector)> {
    let mut in_word = At::new(hay, from)
        .previous()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let mut bytes = hay.iter().enumerate().skip(from);
    while let Some((at, byte)) = bytes.next() {
        let found = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                let starts = !std::mem::replace(&mut in_word, true);
                if starts { word(hay, at, wanted) } else { None }
            }
            b'@' if wanted.has(Detector::Email) => {
                in_word = false;
                email::around(hay, from, at).map(|range| (range, Detector::Email))
            }
            b'+' if wanted.has(Detector::Phone) && !in_word => {
                phone::read(At::new(hay, at)).map(|length| (at..at + length, Detector::Phone))
            }
            b'-' if wanted.has(Detector::PrivateKey) => {
                in_word = false;
                pem::read(At::new(hay, at)).map(|length| (at..at + length, Detector::PrivateKey))
            }
            b'\\' => {
                in_word = false;
                if hay.get(at + 1).is_some_and(|letter| is_escaped(*letter)) {
                    bytes.next();
                }
                None
            }
            _ => {
                in_word = false;
                None
            }
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// What begins with the word that begins at `at`.
fn word(hay: &[u8], at: usize, wanted: Detectors) -> Option<(Range<usize>, Detector)> {
    let first = *hay.get(at)?;
    let place = At::new(hay, at);
    wanted.beginning(first).find_map(|known| {
        let length = (known.read)(place)?;
        Some((at..at + length, known.detector))
    })
}
