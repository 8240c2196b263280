//! Private keys in PEM, of any kind: from the line that begins one to the line that ends it.
//!
//! Sources: RFC 7468, sections 2, 10 and 11; RFC 1421 for the headers of older ones; OpenSSH's
//! `PROTOCOL.key`; RFC 9580, section 6.2 (`PGP PRIVATE KEY BLOCK`).

use super::at::At;

const BEGINS: &[u8] = b"-----BEGIN ";
const ENDS: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Longest label.
const LONGEST: usize = 40;

pub(super) fn read(at: At<'_>) -> Option<usize> {
    let label = label(at.rest().strip_prefix(BEGINS)?)?;
    if !label.windows(11).any(|window| window == b"PRIVATE KEY") {
        return None;
    }
    let begun = BEGINS.len() + label.len() + DASHES.len();
    let body = at.rest().get(begun..)?;
    let mut length = 0;
    // A key that is cut short is one as far as it looks like one.
    while let Some(byte) = body.get(length) {
        if *byte == b'-' {
            let rest = body.get(length..)?;
            if let Some(last) = rest.strip_prefix(ENDS).and_then(self::label) {
                length += ENDS.len() + last.len() + DASHES.len();
                break;
            }
            if rest.starts_with(DASHES) {
                break;
            }
        } else if !is_of_a_key(*byte) {
            break;
        }
        length += 1;
    }
    Some(begun + length)
}

/// What stands before the next five dashes.
fn label(from: &[u8]) -> Option<&[u8]> {
    let most = from.get(..LONGEST).unwrap_or(from);
    let length = most
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || **byte == b' ')
        .count();
    let (label, rest) = from.split_at_checked(length)?;
    rest.starts_with(DASHES).then_some(label)
}

/// Base64, white space (also as an escape), and what headers are made of.
fn is_of_a_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=\r\n\t \\:,.()".contains(&byte)
}
