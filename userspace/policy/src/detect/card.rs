//! Payment card numbers: the schemes' ranges and lengths, and Luhn's check digit.
//!
//! Sources: ISO/IEC 7812-1, annex B (the check digit); the ranges of issuer identification numbers
//! that the schemes publish.

use super::at::{At, number};

/// Most digits of a number.
const MOST: usize = 19;

/// Digits in groups, as people write them; a single group may have 13 to 19.
const GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

pub(super) fn read(at: At<'_>) -> Option<usize> {
    let mut groups = [0; 5];
    let mut digits = [0; MOST];
    let (mut group, mut count, mut separator) = (0, 0, None);
    for (i, byte) in at.rest().iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                // A longer number is another thing; a group that is one too many is the next thing.
                let Some(digit) = digits.get_mut(count) else {
                    *groups.get_mut(group)? = 0;
                    break;
                };
                *digit = *byte;
                *groups.get_mut(group)? += 1;
                count += 1;
            }
            b' ' | b'-' if separator.unwrap_or(*byte) == *byte && followed_by_digit(at, i) => {
                separator = Some(*byte);
                if group + 1 == groups.len() {
                    break;
                }
                group += 1;
            }
            b'A'..=b'Z' | b'a'..=b'z' => {
                *groups.get_mut(group)? = 0;
                break;
            }
            _ => break,
        }
    }
    if at.is_fraction() {
        return None;
    }
    let first = [*groups.first()?];
    let shapes = GROUPS.iter().copied().chain([first.as_slice()]);
    shapes
        .filter(|shape| groups.starts_with(shape))
        .find_map(|shape| {
            let digits = digits.get(..shape.iter().sum())?;
            (is_issued(digits) && luhn(digits)).then_some(digits.len() + shape.len() - 1)
        })
}

fn followed_by_digit(at: At<'_>, i: usize) -> bool {
    at.rest().get(i + 1).is_some_and(u8::is_ascii_digit)
}

/// Whether a scheme gives out numbers of this length that begin so.
fn is_issued(digits: &[u8]) -> bool {
    let length = digits.len();
    if !(13..=MOST).contains(&length) {
        return false;
    }
    let begins = digits.get(..4).map_or(0, number);
    match begins {
        // Visa
        4000..=4999 => matches!(length, 13 | 16 | 19),
        // Mastercard
        5100..=5599 | 2221..=2720 => length == 16,
        // American Express
        3400..=3499 | 3700..=3799 => length == 15,
        // Diners Club
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => matches!(length, 14 | 16..=19),
        // JCB, Discover, UnionPay, Mir
        3528..=3589 | 6011 | 6440..=6599 | 6200..=6299 | 2200..=2204 => length >= 16,
        // Maestro
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => true,
        // RuPay
        5080..=5089 | 6000..=6099 => length == 16,
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let digit = u32::from(digit - b'0');
            match (i % 2, digit * 2) {
                (0, _) => digit,
                (_, twice) => twice / 10 + twice % 10,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
