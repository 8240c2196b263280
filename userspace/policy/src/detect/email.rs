//! E-mail addresses, in the shape that people have: a dot-string of the usual characters, a domain of
//! several labels.
//!
//! Source: RFC 5321, section 4.1.2 (`Mailbox`), with RFC 6531's letters. Quoted local parts and
//! address literals are left out, and so are characters that more often stand around an address than
//! in it; of an address with such a one the rest is found.

use std::ops::Range;

use super::at::is_escaped;

/// RFC 5321, section 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// The address around the `@` at `at`, which begins at `floor` or after it.
pub(super) fn around(hay: &[u8], floor: usize, at: usize) -> Option<Range<usize>> {
    let floor = floor.max(at.saturating_sub(LONGEST_LOCAL));
    let local = hay.get(floor..at)?;
    let length = local.iter().rev().take_while(|b| is_local(**b)).count();
    let local = local.get(local.len() - length..)?;
    // Neither a point begins it, nor the middle of a letter, nor the letter of an escape.
    let skipped = local.iter().take_while(|b| **b == b'.' || is_inner(**b));
    let local = local.get(skipped.count()..)?;
    let before = hay.get(..at - local.len())?;
    let local = match local {
        [letter, rest @ ..] if before.ends_with(b"\\") && is_escaped(*letter) => rest,
        local => local,
    };
    if local.last().is_none_or(|last| *last == b'.') {
        return None;
    }
    let rest = hay.get(at + 1..)?;
    let length = domain(rest.get(..LONGEST_DOMAIN).unwrap_or(rest))?;
    Some(at - local.len()..at + 1 + length)
}

/// The length of the domain at the beginning: up to the last label that may be a top one.
fn domain(rest: &[u8]) -> Option<usize> {
    let mut end = None;
    let mut from = 0;
    loop {
        let label = rest.get(from..)?;
        let length = label.iter().take_while(|b| is_label(**b)).count();
        let label = label.get(..length)?;
        if label.is_empty() || label.starts_with(b"-") {
            return end;
        }
        let letters = label
            .iter()
            .all(|b| b.is_ascii_alphabetic() || !b.is_ascii());
        if from > 0 && length >= 2 && (letters || label.starts_with(b"xn--")) {
            end = Some(from + length);
        }
        from += length;
        if rest.get(from) != Some(&b'.') {
            return end;
        }
        from += 1;
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-~&".contains(&byte) || !byte.is_ascii()
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || !byte.is_ascii()
}

/// Whether it continues a letter of several bytes of UTF-8.
fn is_inner(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}
