//! What detectors find in one value, and the value without it: still one of its type, in its format.
//!
//! Only what is found is replaced where the type allows it; otherwise the value as a whole. A value in
//! which nothing is found is left where it is, and nothing is allocated for it.
//!
//! Known limits: types of a machine's own (dates, small numbers, UUIDs, addresses …) are not looked
//! at, nor is `numeric` in binary; what is compressed or encoded within a value isn't unpacked.

mod form;
mod json;

pub use form::Form;

use std::io::Write;

use weir_policy::{Hit, Method, Net};
use weir_wire::postgres::Format;

use super::{
    key::MaskKey,
    value::{self, Kind, REDACTED, Treatment},
};

/// Looks through values, and tells of each match.
pub struct Sifter<'a> {
    net: &'a Net,
    key: &'a MaskKey,
    told: &'a mut dyn FnMut(&Hit<'_>),
}

/// What a value has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sifted {
    /// Nothing was found: it stands.
    Clean,
    /// It is what was written.
    Changed,
    /// It is NULL.
    Null,
}

impl<'a> Sifter<'a> {
    /// Looks by `net`, and tells `told` of what it finds.
    pub fn new(net: &'a Net, key: &'a MaskKey, told: &'a mut dyn FnMut(&Hit<'_>)) -> Self {
        Self { net, key, told }
    }

    /// Looks through `value`; where it is changed, `out` is what takes its place.
    #[must_use]
    pub fn sift(&mut self, value: &[u8], form: Form, out: &mut Vec<u8>) -> Sifted {
        match form {
            Form::Text { limit } => self.text(value, limit, out),
            Form::Json => self.json(value, out),
            Form::Jsonb => match value.split_first() {
                Some((version, json)) => {
                    let sifted = self.json(json, out);
                    if sifted == Sifted::Changed {
                        out.insert(0, *version);
                    }
                    sifted
                }
                None => Sifted::Clean,
            },
            Form::Hex => self.hex(value, out),
            Form::Bytes => self.covered(value, out),
            Form::Whole { kind } => self.whole(value, value, (kind, Format::Text), out),
            Form::Bigint => self.bigint(value, out),
            Form::Untyped => self.untyped(value, out),
        }
    }

    /// The same for what has to stay a text: what would be NULL is redacted.
    #[must_use]
    pub fn shown(&mut self, value: &[u8], form: Form, out: &mut Vec<u8>) -> bool {
        match self.sift(value, form, out) {
            Sifted::Clean => false,
            Sifted::Changed => true,
            Sifted::Null => {
                out.clear();
                out.extend_from_slice(REDACTED.as_bytes());
                true
            }
        }
    }

    /// Replaces each match by what its method makes of it, and covers those in bytes that are written
    /// as digits.
    fn text(&mut self, value: &[u8], limit: Option<usize>, out: &mut Vec<u8>) -> Sifted {
        let mut covered = Vec::new();
        let hexed = self.digits(value, &mut covered);
        let value = match hexed {
            Sifted::Clean => value,
            Sifted::Changed => covered.as_slice(),
            Sifted::Null => return Sifted::Null,
        };
        let mut kept = 0;
        for hit in self.net.hits(value, 0) {
            (self.told)(&hit);
            if hit.method == Method::Null {
                return Sifted::Null;
            }
            if kept == 0 {
                out.clear();
            }
            out.extend_from_slice(value.get(kept..hit.range.start).unwrap_or_default());
            self.instead(&hit, value, out);
            kept = hit.range.end;
        }
        match (kept, hexed) {
            (0, Sifted::Changed) => {
                out.clear();
                out.extend_from_slice(value);
            }
            (0, _) => return Sifted::Clean,
            (kept, _) => out.extend_from_slice(value.get(kept..).unwrap_or_default()),
        }
        if let Some(limit) = limit {
            let text = String::from_utf8_lossy(out);
            if text.chars().count() > limit {
                *out = text.chars().take(limit).collect::<String>().into_bytes();
            }
        }
        Sifted::Changed
    }

    /// Appends what a match in `value` becomes.
    fn instead(&self, hit: &Hit<'_>, value: &[u8], out: &mut Vec<u8>) {
        let found = value.get(hit.range.clone()).unwrap_or_default();
        let of = (hit.method, hit.class.as_str());
        value::instead(of, self.key, found, usize::MAX, out);
    }

    /// Replaces `value` as a whole if anything is found in `text`, which is it as text.
    fn whole(
        &mut self,
        text: &[u8],
        value: &[u8],
        (kind, format): (Kind, Format),
        out: &mut Vec<u8>,
    ) -> Sifted {
        let mut first: Option<Treatment> = None;
        for hit in self.net.hits(text, 0) {
            (self.told)(&hit);
            first.get_or_insert_with(|| Treatment {
                hides_null: false,
                class: hit.class.clone(),
                method: hit.method,
                kind,
                format,
            });
        }
        match first {
            None => Sifted::Clean,
            Some(treatment) if value::replace(&treatment, self.key, value, out) => Sifted::Changed,
            Some(_) => Sifted::Null,
        }
    }

    fn bigint(&mut self, value: &[u8], out: &mut Vec<u8>) -> Sifted {
        let Ok(bytes) = <[u8; 8]>::try_from(value) else {
            return Sifted::Clean;
        };
        // As many as the longest has, with its sign.
        let mut digits = [0; 20];
        let mut rest = digits.as_mut_slice();
        if write!(rest, "{}", i64::from_be_bytes(bytes)).is_err() {
            return Sifted::Clean;
        }
        let length = 20 - rest.len();
        let digits = digits.get(..length).unwrap_or_default();
        self.whole(digits, value, (Kind::Integer(8), Format::Binary), out)
    }

    /// Covers each match byte for byte, so that whatever lengths stand around it stay true.
    fn covered(&mut self, value: &[u8], out: &mut Vec<u8>) -> Sifted {
        let mut changed = false;
        for hit in self.net.hits(value, 0) {
            (self.told)(&hit);
            if hit.method == Method::Null {
                return Sifted::Null;
            }
            if !changed {
                out.clear();
                out.extend_from_slice(value);
                changed = true;
            }
            let found = value.get(hit.range.clone()).unwrap_or_default();
            let mut cover = Vec::new();
            if hit.method != Method::Redact {
                self.instead(&hit, value, &mut cover);
            }
            // What is left of a text of several bytes a letter is shorter than it was.
            let cover = cover.into_iter().chain(std::iter::repeat(b'*'));
            let place = out.get_mut(hit.range).unwrap_or_default();
            for (byte, cover) in place.iter_mut().zip(cover.take(found.len())) {
                *byte = cover;
            }
        }
        if changed {
            Sifted::Changed
        } else {
            Sifted::Clean
        }
    }

    /// Bytes as text shows them: `\x` and hexadecimal digits, or with escapes.
    fn hex(&mut self, value: &[u8], out: &mut Vec<u8>) -> Sifted {
        match value {
            [b'\\', b'x', ..] => self.digits(value, out),
            _ => self.covered(value, out),
        }
    }

    /// Covers what is found in bytes that are written as `\x` and hexadecimal digits within `value`: a
    /// value of `bytea` in a row, a copy or a message.
    fn digits(&mut self, value: &[u8], out: &mut Vec<u8>) -> Sifted {
        if !value.contains(&b'\\') {
            return Sifted::Clean;
        }
        let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16)?).ok();
        let mut changed = false;
        let (mut bytes, mut covered) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(rest) = value.get(at..).filter(|rest| !rest.is_empty()) {
            at += 1;
            let Some(digits) = rest.strip_prefix(b"\\x") else {
                continue;
            };
            bytes.clear();
            bytes.extend(digits.chunks_exact(2).map_while(|pair| match pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            }));
            at += 1;
            let begun = at;
            at += bytes.len() * 2;
            match self.covered(&bytes, &mut covered) {
                Sifted::Clean => continue,
                Sifted::Null => return Sifted::Null,
                Sifted::Changed => {}
            }
            if !std::mem::replace(&mut changed, true) {
                out.clear();
                out.extend_from_slice(value);
            }
            let place = out.get_mut(begun..at).unwrap_or_default();
            for (pair, byte) in place.chunks_exact_mut(2).zip(&covered) {
                pair.copy_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
        if changed {
            Sifted::Changed
        } else {
            Sifted::Clean
        }
    }

    /// A value of which nothing is known: JSON if it is that, a text if it can be one, or bytes.
    fn untyped(&mut self, value: &[u8], out: &mut Vec<u8>) -> Sifted {
        if !hides(value) && self.net.hits(value, 0).next().is_none() {
            return Sifted::Clean;
        }
        match value {
            [b'{' | b'[', ..] if json::is(value) => self.json(value, out),
            [1, json @ ..] if json::is(json) => self.sift(value, Form::Jsonb, out),
            _ if value.contains(&0) || std::str::from_utf8(value).is_err() => {
                self.covered(value, out)
            }
            _ => self.text(value, None, out),
        }
    }
}

/// Whether it has characters that are spelt as numbers, or bytes as digits: only they hide anything from a
/// look at the whole.
fn hides(value: &[u8]) -> bool {
    let spelt = |pair: &[u8]| pair == b"\\u" || pair == b"\\x";
    value.contains(&b'\\') && value.windows(2).any(spelt)
}

#[cfg(test)]
pub(crate) mod tests;
