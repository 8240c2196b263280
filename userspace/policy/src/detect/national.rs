//! Numbers that states give to people, each with what its scheme checks.
//!
//! What could be any number is one of these only where a word before it says so.

use super::at::{At, number};

/// Source: the Social Security Administration's "Social Security Number Randomization" (2011): no area
/// 000, 666 or from 900 on, no group 00, no serial 0000.
pub(super) fn us_ssn(at: At<'_>) -> Option<usize> {
    let apart = at.written::<9>(&["999-99-9999", "999 99 9999"]);
    let bare = || {
        let bare = at.written(&["999999999"]);
        bare.filter(|_| at.is_called(&["ssn", "social security"]))
    };
    let ([a, b, c, d, e, f, g, h, i], length) = apart.or_else(bare)?;
    let (area, group, serial) = (number(&[a, b, c]), number(&[d, e]), number(&[f, g, h, i]));
    let given = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    given.then_some(length)
}

/// Source: § 139b of the Abgabenordnung and the Bundeszentralamt für Steuern: of the first ten digits
/// exactly one stands there twice or three times, and ISO/IEC 7064's MOD 11,10 checks them.
pub(super) fn de_tax_id(at: At<'_>) -> Option<usize> {
    let (digits, length) = at.written::<11>(&["99999999999", "99 999 999 999"])?;
    let (last, first) = digits.split_last()?;
    let times = |digit: u8| first.iter().filter(|other| **other == digit).count();
    let repeated = (b'0'..=b'9').filter(|digit| times(*digit) > 1).count();
    let often = (b'0'..=b'9').any(|digit| times(digit) > 3);
    if at.is_fraction() || digits.starts_with(b"0") || repeated != 1 || often {
        return None;
    }
    let product = first.iter().fold(10, |product, digit| {
        let sum = (u32::from(digit - b'0') + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    ((11 - product) % 10 == u32::from(last - b'0')).then_some(length)
}

/// Source: INSEE's "Numéro de sécurité sociale" (décret n° 82-103): sex, year, month, place, order, and
/// the key of the whole by 97; in Corsica `2A` counts as 19 and `2B` as 18.
pub(super) fn fr_nir(at: At<'_>) -> Option<usize> {
    let forms = ["99999XX99999999", "9 99 99 XX 999 999 99"];
    let (mut value, length) = at.written::<15>(&forms)?;
    let [sex, _, _, m, n, d, e, ..] = &mut value;
    match (*d, *e) {
        (b'2', b'A') => (*d, *e) = (b'1', b'9'),
        (b'2', b'B') => (*d, *e) = (b'1', b'8'),
        (d, e) if d.is_ascii_digit() && e.is_ascii_digit() => {}
        _ => return None,
    }
    let of_a_person = matches!(sex, b'1'..=b'4' | b'7' | b'8');
    let month = matches!(number(&[*m, *n]), 1..=12 | 20 | 30..=42 | 50..=99);
    let key = number(value.get(13..)?);
    let sound = 97 - number(value.get(..13)?) % 97 == key;
    (of_a_person && month && sound && !at.is_fraction()).then_some(length)
}

/// Source: HMRC's National Insurance Manual, NIM39110: the letters that no prefix has, the prefixes that
/// are not given out, the suffixes A to D.
pub(super) fn uk_nino(at: At<'_>) -> Option<usize> {
    // Most words have no digit there.
    let [_, _, third, fourth, ..] = at.rest() else {
        return None;
    };
    let digit = if *third == b' ' { fourth } else { third };
    if !digit.is_ascii_digit() {
        return None;
    }
    let forms = ["AA999999A", "AA 99 99 99 A", "AA 999999 A"];
    let (value, length) = at.written::<9>(&forms)?;
    let [a, b, .., suffix] = value;
    let given = !b"DFIQUV".contains(&a)
        && !b"DFIOQUV".contains(&b)
        && !matches!(
            &[a, b],
            b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ"
        )
        && matches!(suffix, b'A'..=b'D');
    given.then_some(length)
}

/// Source: the Rijksdienst voor Identiteitsgegevens' "Logisch ontwerp BSN": the eleven test. One of
/// eleven numbers passes it.
pub(super) fn nl_bsn(at: At<'_>) -> Option<usize> {
    let apart = at.written::<9>(&["9999.99.999", "9999 99 999"]);
    let bare = || {
        let bare = at.written(&["999999999"]);
        bare.filter(|_| at.is_called(&["bsn", "burgerservicenummer", "sofinummer"]))
    };
    let (digits, length) = apart.or_else(bare)?;
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
    let digits = digits.iter().map(|digit| i32::from(digit - b'0'));
    let sum: i32 = digits
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    (sum != 0 && sum % 11 == 0).then_some(length)
}

/// Source: the Spanish Real Decreto 1553/2005 and the Ministerio del Interior's "Cálculo del dígito de
/// control": the letter of the number's remainder by 23.
pub(super) fn es_dni(at: At<'_>) -> Option<usize> {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let dni = || at.written::<9>(&["99999999A", "99999999-A"]);
    let nie = || at.written::<9>(&["A9999999A", "A-9999999-A", "A9999999-A"]);
    let (mut value, length) = dni().or_else(nie)?;
    let [first, .., letter] = &mut value;
    let letter = *letter;
    match *first {
        b'X' => *first = b'0',
        b'Y' => *first = b'1',
        b'Z' => *first = b'2',
        b'0'..=b'9' => {}
        _ => return None,
    }
    let remainder = usize::try_from(number(&value) % 23).ok()?;
    (LETTERS.get(remainder) == Some(&letter)).then_some(length)
}

/// Source: the Italian Decreto ministeriale of 23 December 1976: the values of characters in odd places,
/// and the letters that stand for digits where two people would have the same code.
pub(super) fn it_codice_fiscale(at: At<'_>) -> Option<usize> {
    const ODD: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    // Most words are shorter.
    at.rest()
        .get(15)
        .filter(|byte| byte.is_ascii_alphabetic())?;
    let (value, length) = at.written::<16>(&["AAAAAAXXAXXAXXXA"])?;
    let (check, first) = value.split_last()?;
    let mut sum = 0;
    for (i, byte) in first.iter().enumerate() {
        let numeric = matches!(i, 6 | 7 | 9 | 10 | 12 | 13 | 14);
        let fits = match byte {
            b'0'..=b'9' => numeric,
            _ if numeric => b"LMNPQRSTUV".contains(byte),
            month if i == 8 => b"ABCDEHLMPRST".contains(month),
            _ => true,
        };
        if !fits {
            return None;
        }
        let place = usize::from(match byte {
            b'0'..=b'9' => byte - b'0',
            letter => letter.wrapping_sub(b'A'),
        });
        // Places are counted from 1.
        sum += if i % 2 == 0 {
            usize::from(*ODD.get(place)?)
        } else {
            place
        };
    }
    (sum % 26 == usize::from(check.wrapping_sub(b'A'))).then_some(length)
}
