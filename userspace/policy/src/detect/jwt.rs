//! JSON web tokens, signed or encrypted: parts of base64url between points, the first of which is a
//! JSON object that names an algorithm.
//!
//! Sources: RFC 7515, section 7.1 (three parts); RFC 7516, section 7.1 (five); RFC 7515, section 4.1.1
//! (`alg`).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{at::At, token::base64url};

/// Shorter headers are no tokens', as `{"alg":""}` isn't, and neither are longer.
const SHORTEST_HEADER: usize = 16;
const LONGEST_HEADER: usize = 4096;
/// Most parts behind the header.
const MOST_PARTS: usize = 4;

pub(super) fn read(at: At<'_>) -> Option<usize> {
    // Within a longer run of the same characters no token begins; each run is read once.
    if let Some(b'-' | b'_') = at.previous() {
        return None;
    }
    // `{"` in base64.
    let rest = at.rest();
    if !rest.starts_with(b"ey") {
        return None;
    }
    let header = run(rest);
    if !(SHORTEST_HEADER..=LONGEST_HEADER).contains(&header.len()) {
        return None;
    }
    let mut length = header.len();
    let mut parts = 0;
    while parts < MOST_PARTS && rest.get(length) == Some(&b'.') {
        length += 1 + run(rest.get(length + 1..)?).len();
        parts += 1;
    }
    (parts >= 2 && names_an_algorithm(header)).then_some(length)
}

fn run(from: &[u8]) -> &[u8] {
    let length = from.iter().take_while(|byte| base64url(**byte)).count();
    from.get(..length).unwrap_or_default()
}

fn names_an_algorithm(header: &[u8]) -> bool {
    let Ok(json) = URL_SAFE_NO_PAD.decode(header) else {
        return false;
    };
    serde_json::from_slice::<serde_json::Value>(&json)
        .is_ok_and(|header| header.get("alg").is_some_and(serde_json::Value::is_string))
}
