//! Reads the fields of one whole message, each checked against the bytes that are there.
//!
//! 55.6 "Message Data Types". Offsets in errors count from the message's first byte.

use bytes::Bytes;

use super::format::{Format, Formats};
use super::frame::{Frame, HEADER};
use crate::{MessageName, WireError};

/// No `Debug`: it would show the message.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    message: MessageName,
    raw: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Stands at the body of `frame`, which must be of this type.
    pub(crate) fn tagged(name: &'static str, tag: u8, frame: &'a Frame) -> Result<Self, WireError> {
        let message = MessageName::Named(name);
        if frame.tag() == tag {
            Ok(Self {
                message,
                raw: frame.raw(),
                at: HEADER,
            })
        } else {
            Err(WireError::WrongTag {
                message,
                tag: frame.tag(),
            })
        }
    }

    /// Stands at this byte of a message whose type is known, or that has none.
    pub(crate) fn at(name: &'static str, raw: &'a Bytes, at: usize) -> Self {
        Self {
            message: MessageName::Named(name),
            raw,
            at,
        }
    }

    pub(crate) fn message(&self) -> MessageName {
        self.message
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.raw.len().saturating_sub(self.at)
    }

    fn slice(&mut self, what: &'static str, need: usize) -> Result<&'a [u8], WireError> {
        let found = self
            .at
            .checked_add(need)
            .and_then(|end| self.raw.get(self.at..end));
        let Some(slice) = found else {
            return Err(WireError::Truncated {
                message: self.message,
                what,
                offset: self.at,
                need,
                left: self.left(),
            });
        };
        self.at += need;
        Ok(slice)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(what, N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array(what).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self, what: &'static str) -> Result<i16, WireError> {
        self.array(what).map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self, what: &'static str) -> Result<i32, WireError> {
        self.array(what).map(i32::from_be_bytes)
    }

    /// A string up to its zero byte, without it.
    pub(crate) fn string(&mut self, what: &'static str) -> Result<Bytes, WireError> {
        let rest = self.raw.get(self.at..).unwrap_or_default();
        let Some(length) = memchr::memchr(0, rest) else {
            return Err(WireError::Unterminated {
                message: self.message,
                what,
                offset: self.at,
            });
        };
        let string = self.slice(what, length)?;
        self.at += 1;
        Ok(self.raw.slice_ref(string))
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Bytes {
        let start = self.at.min(self.raw.len());
        self.at = self.raw.len();
        self.raw.slice(start..)
    }

    /// A count of items that take at least `least` bytes each. It is believed only if they could
    /// be there, so that allocating for it is bounded by what was sent.
    pub(crate) fn count(&mut self, what: &'static str, least: usize) -> Result<u16, WireError> {
        let offset = self.at;
        let count = self.u16(what)?;
        if usize::from(count).saturating_mul(least) > self.left() {
            let (message, left) = (self.message, self.left());
            return Err(WireError::CountTooLarge {
                message,
                what,
                offset,
                count,
                left,
            });
        }
        Ok(count)
    }

    /// As [`Self::count`], for the one message whose count has four bytes: `most` bounds it.
    pub(crate) fn long_count(&mut self, what: &'static str, most: u16) -> Result<u16, WireError> {
        let count = self.u32(what)?;
        match u16::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => {
                let found = usize::try_from(count).unwrap_or(usize::MAX);
                Err(self.out_of_range(what, found, 0, usize::from(most)))
            }
        }
    }

    /// A value with its length before it; a length of -1 is NULL.
    pub(crate) fn value_slice(
        &mut self,
        what: &'static str,
    ) -> Result<Option<&'a [u8]>, WireError> {
        let offset = self.at;
        match self.i32(what)? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.slice(what, length).map(Some),
                Err(_) => Err(self.undefined(what, offset, i64::from(length))),
            },
        }
    }

    pub(crate) fn value(&mut self, what: &'static str) -> Result<Option<Bytes>, WireError> {
        let value = self.value_slice(what)?;
        Ok(value.map(|value| self.raw.slice_ref(value)))
    }

    pub(crate) fn format(&mut self, what: &'static str) -> Result<Format, WireError> {
        let offset = self.at;
        let code = self.i16(what)?;
        Format::from_code(code).ok_or_else(|| self.undefined(what, offset, i64::from(code)))
    }

    /// Format codes with their count before them.
    pub(crate) fn format_list(&mut self, what: &'static str) -> Result<Vec<Format>, WireError> {
        (0..self.count(what, 2)?)
            .map(|_| self.format(what))
            .collect()
    }

    pub(crate) fn formats(&mut self, what: &'static str) -> Result<Formats, WireError> {
        self.format_list(what).map(Formats::from_list)
    }

    /// Values with their count before them, written by these formats.
    pub(crate) fn values(
        &mut self,
        what: &'static str,
        formats: &Formats,
    ) -> Result<Vec<Option<Bytes>>, WireError> {
        let count = self.count(what, 4)?;
        if !formats.fits(usize::from(count)) {
            let (found, count) = (formats.as_list().len(), usize::from(count));
            return Err(self.out_of_range("formats", found, count, count));
        }
        (0..count).map(|_| self.value("value")).collect()
    }

    pub(crate) fn undefined(&self, what: &'static str, offset: usize, value: i64) -> WireError {
        WireError::Undefined {
            message: self.message,
            what,
            offset,
            value,
        }
    }

    pub(crate) fn out_of_range(
        &self,
        what: &'static str,
        found: usize,
        least: usize,
        most: usize,
    ) -> WireError {
        WireError::OutOfRange {
            message: self.message,
            what,
            found,
            least,
            most,
        }
    }

    /// The message must end here.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        match self.left() {
            0 => Ok(()),
            left => Err(WireError::Leftover {
                message: self.message,
                offset: self.at,
                left,
            }),
        }
    }
}
