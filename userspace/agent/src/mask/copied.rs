//! The rows of a `COPY … TO STDOUT` without what detectors find in them.
//!
//! Nothing describes the fields of a copy, so each is looked through as what it looks like. Its form is
//! read from the statement's options; where it can't be told, a row is masked as a whole.
//!
//! Sources: PostgreSQL's documentation of COPY, "File Formats"; 55.7, CopyData: what a server sends in
//! one message is one row.

use weir_command::CopyForm;
use weir_policy::{Hit, Net};

use super::{
    key::MaskKey,
    sift::{Form, Sifted, Sifter},
    value::REDACTED,
};

/// What a binary copy begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// A copy that is under way.
#[derive(Debug)]
pub struct Copied {
    net: Net,
    form: Option<CopyForm>,
    /// Whether the header of a binary copy is past.
    begun: bool,
    field: Vec<u8>,
    sifted: Vec<u8>,
}

/// A copied row that isn't what the statement's options say.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the server copied a row that is not in the form that was asked for")]
pub struct Malformed;

impl Copied {
    /// A copy whose rows are in `form`, if that is known.
    #[must_use]
    pub fn new(net: Net, form: Option<CopyForm>) -> Self {
        Self {
            net,
            form,
            begun: false,
            field: Vec::new(),
            sifted: Vec::new(),
        }
    }

    /// Writes `row` to `out`, which it clears, without what is found; tells `told` of each find and its
    /// column. Returns how many fields were changed: where none was, the row stands as it came.
    pub fn sift(
        &mut self,
        row: &[u8],
        key: &MaskKey,
        out: &mut Vec<u8>,
        told: &mut dyn FnMut(u16, &Hit<'_>),
    ) -> Result<u64, Malformed> {
        out.clear();
        match self.form {
            Some(CopyForm::Text { delimiter }) => self.text(row, delimiter, key, out, told),
            Some(CopyForm::Csv {
                delimiter,
                quote,
                escape,
            }) => self.csv(row, (delimiter, quote, escape), key, out, told),
            Some(CopyForm::Binary) => self.binary(row, key, out, told),
            None => {
                out.extend_from_slice(REDACTED.as_bytes());
                out.push(b'\n');
                Ok(1)
            }
        }
    }

    /// Looks through the field that is in `self.field`; what it becomes is in `self.sifted`.
    fn field(&mut self, key: &MaskKey, told: &mut dyn FnMut(&Hit<'_>)) -> bool {
        Sifter::new(&self.net, key, told).shown(&self.field, Form::Untyped, &mut self.sifted)
    }

    fn text(
        &mut self,
        row: &[u8],
        delimiter: u8,
        key: &MaskKey,
        out: &mut Vec<u8>,
        told: &mut dyn FnMut(u16, &Hit<'_>),
    ) -> Result<u64, Malformed> {
        let mut changed = 0;
        let mut rest = row.strip_suffix(b"\n").ok_or(Malformed)?;
        for column in 0.. {
            self.field.clear();
            let mut bytes = rest.iter().enumerate();
            let mut length = rest.len();
            while let Some((i, byte)) = bytes.next() {
                match byte {
                    b'\\' => {
                        let escaped = bytes.next().map_or(*byte, |(_, byte)| unescaped(*byte));
                        self.field.push(escaped);
                    }
                    byte if *byte == delimiter => {
                        length = i;
                        break;
                    }
                    byte => self.field.push(*byte),
                }
            }
            let (raw, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
            if self.field(key, &mut |hit| told(column, hit)) {
                changed += 1;
                for byte in &self.sifted {
                    escape_text(*byte, delimiter, out);
                }
            } else {
                out.extend_from_slice(raw);
            }
            let Some((_, next)) = behind.split_first() else {
                break;
            };
            out.push(delimiter);
            rest = next;
        }
        out.push(b'\n');
        Ok(changed)
    }

    fn csv(
        &mut self,
        row: &[u8],
        (delimiter, quote, escape): (u8, u8, u8),
        key: &MaskKey,
        out: &mut Vec<u8>,
        told: &mut dyn FnMut(u16, &Hit<'_>),
    ) -> Result<u64, Malformed> {
        let mut changed = 0;
        let mut rest = row.strip_suffix(b"\n").ok_or(Malformed)?;
        for column in 0.. {
            self.field.clear();
            let mut bytes = rest.iter().enumerate().peekable();
            let mut length = rest.len();
            let mut quoted = false;
            while let Some((i, byte)) = bytes.next() {
                let next = bytes.peek().map(|(_, next)| **next);
                match byte {
                    byte if quoted
                        && *byte == escape
                        && next.is_some_and(|n| n == quote || n == escape) =>
                    {
                        self.field.extend(next);
                        bytes.next();
                    }
                    byte if *byte == quote => quoted = !quoted,
                    byte if *byte == delimiter && !quoted => {
                        length = i;
                        break;
                    }
                    byte => self.field.push(*byte),
                }
            }
            if quoted {
                return Err(Malformed);
            }
            let (raw, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
            if self.field(key, &mut |hit| told(column, hit)) {
                changed += 1;
                out.push(quote);
                for byte in &self.sifted {
                    if *byte == quote || *byte == escape {
                        out.push(escape);
                    }
                    out.push(*byte);
                }
                out.push(quote);
            } else {
                out.extend_from_slice(raw);
            }
            let Some((_, next)) = behind.split_first() else {
                break;
            };
            out.push(delimiter);
            rest = next;
        }
        out.push(b'\n');
        Ok(changed)
    }

    fn binary(
        &mut self,
        row: &[u8],
        key: &MaskKey,
        out: &mut Vec<u8>,
        told: &mut dyn FnMut(u16, &Hit<'_>),
    ) -> Result<u64, Malformed> {
        let mut changed = 0;
        let mut rest = row;
        if !std::mem::replace(&mut self.begun, true) {
            let flags = rest.strip_prefix(SIGNATURE).ok_or(Malformed)?;
            let (_, extension) = flags.split_first_chunk::<4>().ok_or(Malformed)?;
            let (length, behind) = extension.split_first_chunk::<4>().ok_or(Malformed)?;
            let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| Malformed)?;
            rest = behind.get(length..).ok_or(Malformed)?;
            let header = row.len() - rest.len();
            out.extend_from_slice(row.get(..header).unwrap_or_default());
            // The header may come by itself.
            if rest.is_empty() {
                return Ok(0);
            }
        }
        let (count, mut rest) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
        out.extend_from_slice(count);
        let columns = match i16::from_be_bytes(*count) {
            // The trailer.
            -1 => 0,
            count => u16::try_from(count).map_err(|_| Malformed)?,
        };
        for column in 0..columns {
            let (length, behind) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            rest = behind;
            let length = i32::from_be_bytes(*length);
            if length == -1 {
                out.extend_from_slice(&length.to_be_bytes());
                continue;
            }
            let length = usize::try_from(length).map_err(|_| Malformed)?;
            let (value, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
            rest = behind;
            let mut told = |hit: &Hit<'_>| told(column, hit);
            let sifted =
                Sifter::new(&self.net, key, &mut told).sift(value, Form::Untyped, &mut self.sifted);
            changed += u64::from(sifted != Sifted::Clean);
            let value = match sifted {
                Sifted::Clean => value,
                Sifted::Changed => self.sifted.as_slice(),
                Sifted::Null => {
                    out.extend_from_slice(&(-1_i32).to_be_bytes());
                    continue;
                }
            };
            let length = i32::try_from(value.len()).map_err(|_| Malformed)?;
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(value);
        }
        // The trailer comes behind the header of a copy without rows.
        if rest.is_empty() {
            Ok(changed)
        } else {
            Err(Malformed)
        }
    }
}

/// What a letter behind a backslash means.
fn unescaped(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => other,
    }
}

fn escape_text(byte: u8, delimiter: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x0b => b'v',
        byte if byte == b'\\' || byte == delimiter => byte,
        byte => {
            out.push(byte);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests;
