//! International bank account numbers.
//!
//! Source: ISO 13616-1 (structure; ISO 7064's MOD 97-10), and the registry that SWIFT keeps of it, for
//! the length in each country.

use super::at::At;

/// The longest in the registry.
const MOST: usize = 33;

pub(super) fn read(at: At<'_>) -> Option<usize> {
    let [a, b, c, d, ..] = at.rest() else {
        return None;
    };
    if !(b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let wanted = length_in([a.to_ascii_uppercase(), b.to_ascii_uppercase()])?;
    let mut value = [0; MOST];
    let (mut count, mut length) = (0, 0);
    // In groups of four, if at all.
    let mut rest = at.rest().iter().peekable();
    while count < wanted {
        if count > 0 && count % 4 == 0 && rest.peek() == Some(&&b' ') {
            rest.next();
            length += 1;
        }
        let byte = rest.next().filter(|byte| byte.is_ascii_alphanumeric())?;
        *value.get_mut(count)? = byte.to_ascii_uppercase();
        count += 1;
        length += 1;
    }
    let value = value.get(..wanted)?;
    (at.ends(length) && remainder(value) == Some(1)).then_some(length)
}

/// The remainder by 97 of the number that the country and the check digits end.
fn remainder(value: &[u8]) -> Option<u32> {
    let (head, account) = value.split_at_checked(4)?;
    let letters = account.iter().chain(head);
    Some(letters.fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        letter => (sum * 100 + u32::from(letter.wrapping_sub(b'A')) + 10) % 97,
    }))
}

/// How long the numbers of a country are.
fn length_in(country: [u8; 2]) -> Option<usize> {
    Some(match &country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FK" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"MN" | b"XK" => 20,
        b"CH" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"CR" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"SO" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"BI" | b"DJ" | b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HN" | b"HU" | b"LB" | b"NI" | b"PL"
        | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => return None,
    })
}
