//! Telephone numbers in the international form: `+`, a country code that is assigned, at most 15
//! digits.
//!
//! Source: ITU-T E.164, and its list of assigned country codes; E.123 for how they are written. What
//! has no `+` is not looked at: it could be any number.

use super::at::At;

const LEAST: usize = 8;
const MOST: usize = 15;

pub(super) fn read(at: At<'_>) -> Option<usize> {
    let mut digits = [0; MOST];
    let (mut count, mut length, mut gap) = (0, 0, 0);
    for (i, byte) in at.rest().iter().enumerate().skip(1) {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(count)? = *byte;
                count += 1;
                length = i + 1;
                gap = 0;
            }
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if count > 0 && gap < 2 => gap += 1,
            _ => break,
        }
    }
    let digits = digits.get(..count)?;
    (count >= LEAST && is_assigned(digits) && at.ends(length)).then_some(length)
}

/// Whether it begins with a country code that is assigned, or one of a zone of which most are.
fn is_assigned(digits: &[u8]) -> bool {
    let [a, b, ..] = digits else { return false };
    match (a, b) {
        (b'1' | b'7', _) => true,
        // Zones whose codes have three digits.
        (b'2', b'1'..=b'6' | b'9')
        | (b'3', b'5' | b'7' | b'8')
        | (b'4', b'2')
        | (b'5', b'0' | b'9')
        | (b'6', b'7'..=b'9')
        | (b'8', b'0' | b'5' | b'7' | b'8')
        | (b'9', b'6' | b'7' | b'9') => true,
        (b'2', b'0' | b'7')
        | (b'3', b'0'..=b'4' | b'6' | b'9')
        | (b'4', b'0' | b'1' | b'3'..=b'9')
        | (b'5', b'1'..=b'8')
        | (b'6', b'0'..=b'6')
        | (b'8', b'1' | b'2' | b'4' | b'6')
        | (b'9', b'0'..=b'5' | b'8') => true,
        _ => false,
    }
}
