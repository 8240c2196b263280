//! The one pass over a text.

use std::ops::Range;

use super::{At, Detector, Detectors, at::is_escaped, email, pem, phone};

/// What a byte is to the search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing.
    Other,
    /// Of a word.
    Word,
    /// A sign with which something may begin, or around which it stands.
    Sign,
}

#[expect(
    clippy::indexing_slicing,
    reason = "done by the compiler, which stops at a wrong place"
)]
static CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Class::Word,
            b'@' | b'+' | b'-' | b'\\' => Class::Sign,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    let class = CLASSES.get(usize::from(byte));
    class.copied().unwrap_or(Class::Other)
}

/// The first match of `wanted` at or after `from`.
pub(crate) fn find(hay: &[u8], from: usize, wanted: Detectors) -> Option<(Range<usize>, Detector)> {
    let of_word = |byte: &u8| class(*byte) == Class::Word;
    let inside = At::new(hay, from).previous().is_some_and(|b| of_word(&b));
    let mut at = from + if inside { word_at(hay, from) } else { 0 };
    // Whether a word ends where it stands.
    let mut joined = inside;
    loop {
        let rest = hay.get(at..)?;
        let skipped = rest.iter().position(|byte| class(*byte) != Class::Other)?;
        at += skipped;
        let byte = *hay.get(at)?;
        let is_word = of_word(&byte);
        let (found, length) = match byte {
            _ if is_word => (word(hay, at, wanted), word_at(hay, at)),
            // In the middle of a sum it begins no telephone number.
            b'+' if joined && skipped == 0 => (None, 1),
            _ => (sign(hay, from, at, wanted), 1),
        };
        joined = is_word;
        if found.is_some() {
            return found;
        }
        at += length;
        // The letter of an escape is of no word.
        let escape = byte == b'\\' && hay.get(at).is_some_and(|letter| is_escaped(*letter));
        at += usize::from(escape);
    }
}

/// How many bytes of a word stand here.
fn word_at(hay: &[u8], at: usize) -> usize {
    let rest = hay.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| class(*byte) != Class::Word);
    end.unwrap_or(rest.len())
}

/// What begins with this sign, or stands around it.
fn sign(hay: &[u8], from: usize, at: usize, wanted: Detectors) -> Option<(Range<usize>, Detector)> {
    let place = At::new(hay, at);
    let behind = |length| at..at + length;
    match place.rest().first()? {
        b'@' if wanted.has(Detector::Email) => {
            email::around(hay, from, at).map(|range| (range, Detector::Email))
        }
        b'+' if wanted.has(Detector::Phone) => {
            phone::read(place).map(|length| (behind(length), Detector::Phone))
        }
        b'-' if wanted.has(Detector::PrivateKey) => {
            pem::read(place).map(|length| (behind(length), Detector::PrivateKey))
        }
        _ => None,
    }
}

/// What begins with the word that begins at `at`.
fn word(hay: &[u8], at: usize, wanted: Detectors) -> Option<(Range<usize>, Detector)> {
    let place = At::new(hay, at);
    let wanted = wanted.beginning(place.rest());
    wanted.each().find_map(|known| {
        let length = (known.read)(place)?;
        Some((at..at + length, known.detector))
    })
}
