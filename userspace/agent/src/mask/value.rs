//! One value in, its replacement out: valid for the column's type, in the format the client asked
//! for.
//!
//! Source of the representations: PostgreSQL's `send`/`recv` functions; `pg_type.dat` for the ids.

use weir_policy::{DataClass, Method};
use weir_wire::postgres::Format;

use super::key::MaskKey;

/// What a type allows a replacement to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any UTF-8 text of at most so many characters.
    Text {
        /// The declared length of `varchar(n)` and `char(n)`.
        limit: Option<usize>,
    },
    /// JSON: a string.
    Json,
    /// JSON with the binary format's version byte.
    Jsonb,
    /// A two's complement integer of so many bytes.
    Integer(usize),
    /// 16 bytes.
    Uuid,
    /// A type for which only NULL is safe.
    Other,
}

impl Kind {
    /// The kind of a type id (`pg_type.oid`) with its modifier (`atttypmod`).
    #[must_use]
    pub fn of(type_oid: u32, modifier: i32) -> Self {
        match type_oid {
            // text, name, unknown
            25 | 19 | 705 => Self::Text { limit: None },
            // bpchar, varchar: the modifier is the length plus 4, or -1
            1042 | 1043 => Self::Text {
                limit: usize::try_from(modifier - 4).ok(),
            },
            114 => Self::Json,
            3802 => Self::Jsonb,
            21 => Self::Integer(2),
            23 => Self::Integer(4),
            20 => Self::Integer(8),
            2950 => Self::Uuid,
            _ => Self::Other,
        }
    }
}

/// How one column is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// The class, which separates the digests.
    pub class: DataClass,
    /// What the masking rules ask for.
    pub method: Method,
    /// What the type allows.
    pub kind: Kind,
    /// Text or binary.
    pub format: Format,
    /// Whether a NULL is as good as a value, and not told from one.
    pub hides_null: bool,
}

/// Writes to `out` (which it clears) what takes the place of a NULL. `false` means NULL.
#[must_use]
pub fn instead_of_null(treatment: &Treatment, key: &MaskKey, out: &mut Vec<u8>) -> bool {
    treatment.hides_null && replace(treatment, key, &[], out)
}

/// Writes the replacement for `value` to `out` (which it clears). `false` means NULL.
#[must_use]
pub fn replace(treatment: &Treatment, key: &MaskKey, value: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let class = treatment.class.as_str();
    match (treatment.kind, treatment.method) {
        (_, Method::Null) | (Kind::Other, _) => false,
        (Kind::Text { limit }, method) => {
            let limit = limit.unwrap_or(usize::MAX);
            instead((method, class), key, value, limit, out);
            true
        }
        (Kind::Json | Kind::Jsonb, method) => {
            let text = match method {
                Method::Hash => hash(key, class, value),
                Method::Tokenise => token(key, class, value),
                _ => REDACTED.to_owned(),
            };
            if treatment.kind == Kind::Jsonb && treatment.format == Format::Binary {
                out.push(1);
            }
            out.extend(format!("\"{text}\"").bytes());
            true
        }
        (Kind::Integer(width), Method::Hash | Method::Tokenise) => {
            integer(key, class, value, width, treatment.format, out)
        }
        (Kind::Uuid, Method::Hash | Method::Tokenise) => {
            uuid(key, class, value, treatment.format, out);
            true
        }
        (Kind::Integer(_) | Kind::Uuid, Method::Redact | Method::Partial { .. }) => false,
    }
}

/// Appends what a text becomes, at most so many characters. There is no NULL in the middle of one: it is
/// redacted.
pub(super) fn instead(
    (method, class): (Method, &str),
    key: &MaskKey,
    value: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) {
    match method {
        Method::Partial { keep_last } => partial(value, keep_last, limit, out),
        Method::Hash => put(&hash(key, class, value), limit, out),
        Method::Tokenise => put(&token(key, class, value), limit, out),
        Method::Redact | Method::Null => put(REDACTED, limit, out),
    }
}

/// What a redacted text becomes.
pub const REDACTED: &str = "[redacted]";

/// Writes text of ASCII, of which there may be so many characters.
fn put(text: &str, limit: usize, out: &mut Vec<u8>) {
    out.extend(text.bytes().take(limit));
}

/// Stars for all but the last `keep` letters and digits; separators stay, so that a card number
/// still looks like one. At least half of a value is always hidden.
fn partial(value: &[u8], keep: usize, limit: usize, out: &mut Vec<u8>) {
    let hidden = |total: usize| total - keep.min(total / 2);
    let mut seen = 0;
    if value.is_ascii() {
        let hidden = hidden(value.iter().filter(|c| c.is_ascii_alphanumeric()).count());
        out.extend(value.iter().take(limit).map(|c| {
            let counts = c.is_ascii_alphanumeric();
            seen += usize::from(counts);
            match counts {
                true if seen <= hidden => b'*',
                false if c.is_ascii_control() => b'*',
                _ => *c,
            }
        }));
        return;
    }
    let text = String::from_utf8_lossy(value);
    let hidden = hidden(text.chars().filter(|c| c.is_alphanumeric()).count());
    for c in text.chars().take(limit) {
        let counts = c.is_alphanumeric();
        seen += usize::from(counts);
        let stays = if counts {
            seen > hidden
        } else {
            c.is_ascii_punctuation() || c == ' '
        };
        let shown = if stays { c } else { '*' };
        out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn hash(key: &MaskKey, class: &str, value: &[u8]) -> String {
    key.digest(class, value).to_hex().chars().take(32).collect()
}

fn token(key: &MaskKey, class: &str, value: &[u8]) -> String {
    let digest: String = key.digest(class, value).to_hex().chars().take(16).collect();
    format!("tok_{digest}")
}

/// A positive integer derived from the value, below the type's maximum. NULL where a binary value
/// has not the type's width (then it is not what the description said).
fn integer(
    key: &MaskKey,
    class: &str,
    value: &[u8],
    width: usize,
    format: Format,
    out: &mut Vec<u8>,
) -> bool {
    // The two formats of one number must give one token.
    let number = match format {
        Format::Text => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok()),
        Format::Binary if value.len() == width => {
            let sign = value.first().is_some_and(|byte| byte & 0x80 != 0);
            let fill: i64 = if sign { -1 } else { 0 };
            Some(
                value
                    .iter()
                    .fold(fill, |sum, byte| (sum << 8) | i64::from(*byte)),
            )
        }
        Format::Binary => None,
    };
    let Some(number) = number else { return false };
    let digest = key.digest(class, &number.to_be_bytes());
    let Some(bytes) = digest.as_bytes().get(..width) else {
        return false;
    };
    let positive = bytes
        .iter()
        .enumerate()
        .map(|(i, b)| if i == 0 { b & 0x7f } else { *b });
    match format {
        Format::Binary => out.extend(positive),
        Format::Text => {
            let number = positive.fold(0_u64, |sum, byte| (sum << 8) | u64::from(byte));
            out.extend(number.to_string().bytes());
        }
    }
    true
}

/// A version 8 UUID (RFC 9562, section 5.8) derived from the value.
fn uuid(key: &MaskKey, class: &str, value: &[u8], format: Format, out: &mut Vec<u8>) {
    let canonical: Vec<u8> = match format {
        Format::Binary => value
            .iter()
            .flat_map(|byte| format!("{byte:02x}").into_bytes())
            .collect(),
        Format::Text => value
            .iter()
            .filter(|b| **b != b'-')
            .map(u8::to_ascii_lowercase)
            .collect(),
    };
    let digest = key.digest(class, &canonical);
    let bytes = digest
        .as_bytes()
        .iter()
        .take(16)
        .enumerate()
        .map(|(i, byte)| match i {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        });
    match format {
        Format::Binary => out.extend(bytes),
        Format::Text => {
            for (i, byte) in bytes.enumerate() {
                if matches!(i, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                out.extend(format!("{byte:02x}").bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests;
