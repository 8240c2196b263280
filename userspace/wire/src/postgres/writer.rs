//! Puts one message together. 55.6 "Message Data Types".
//!
//! Fields are only appended here; what can't be said on the wire (a zero byte in a string, too
//! many items, too many bytes) is an error, never a message that reads as another.

use bytes::{BufMut, Bytes, BytesMut};

use super::format::{Format, Formats};
use super::frame::Frame;
use crate::{MessageName, WireError};

/// No `Debug`: it would show the message.
pub(crate) struct Writer {
    message: MessageName,
    buf: BytesMut,
    /// Where the length field stands: after the type byte, if there is one.
    length_at: usize,
}

impl Writer {
    pub(crate) fn tagged(name: &'static str, tag: u8) -> Self {
        let mut buf = BytesMut::with_capacity(64);
        buf.put_slice(&[tag, 0, 0, 0, 0]);
        Self {
            message: MessageName::Named(name),
            buf,
            length_at: 1,
        }
    }

    pub(crate) fn untagged(name: &'static str) -> Self {
        let mut buf = BytesMut::with_capacity(64);
        buf.put_slice(&[0, 0, 0, 0]);
        Self {
            message: MessageName::Named(name),
            buf,
            length_at: 0,
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.buf.put_u8(value);
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.buf.put_i16(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.buf.put_u32(value);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.buf.put_i32(value);
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.buf.put_slice(value);
    }

    pub(crate) fn string(&mut self, what: &'static str, value: &[u8]) -> Result<(), WireError> {
        if memchr::memchr(0, value).is_some() {
            return Err(WireError::EmbeddedZero {
                message: self.message,
                what,
            });
        }
        self.buf.put_slice(value);
        self.buf.put_u8(0);
        Ok(())
    }

    /// A string that stands in a list which an empty string ends.
    pub(crate) fn name(&mut self, what: &'static str, value: &[u8]) -> Result<(), WireError> {
        if value.is_empty() {
            return Err(WireError::Empty {
                message: self.message,
                what,
            });
        }
        self.string(what, value)
    }

    pub(crate) fn count(&mut self, what: &'static str, count: usize) -> Result<(), WireError> {
        let count = self.bounded(what, count, u16::MAX)?;
        self.buf.put_u16(count);
        Ok(())
    }

    /// As [`Self::count`], for the one message whose count has four bytes.
    pub(crate) fn long_count(
        &mut self,
        what: &'static str,
        count: usize,
        most: u16,
    ) -> Result<(), WireError> {
        let count = self.bounded(what, count, most)?;
        self.buf.put_u32(u32::from(count));
        Ok(())
    }

    fn bounded(&self, what: &'static str, found: usize, most: u16) -> Result<u16, WireError> {
        match u16::try_from(found) {
            Ok(count) if count <= most => Ok(count),
            _ => {
                let (message, most) = (self.message, usize::from(most));
                Err(WireError::OutOfRange {
                    message,
                    what,
                    found,
                    least: 0,
                    most,
                })
            }
        }
    }

    pub(crate) fn value(&mut self, value: Option<&[u8]>) -> Result<(), WireError> {
        put_value(&mut self.buf, self.message, value)
    }

    pub(crate) fn formats(
        &mut self,
        what: &'static str,
        formats: &Formats,
    ) -> Result<(), WireError> {
        self.format_list(what, formats.as_list())
    }

    pub(crate) fn format_list(
        &mut self,
        what: &'static str,
        list: &[Format],
    ) -> Result<(), WireError> {
        self.count(what, list.len())?;
        for format in list {
            self.i16(format.code());
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Frame, WireError> {
        self.finish_untagged().map(Frame::trusted)
    }

    /// Finishes a message whose fields the crate itself keeps far below 2 GiB.
    pub(crate) fn finish_bounded(mut self) -> Frame {
        let length = self.buf.len().saturating_sub(self.length_at);
        put_field(
            &mut self.buf,
            self.length_at,
            i32::try_from(length).unwrap_or(i32::MAX),
        );
        Frame::trusted(self.buf.freeze())
    }

    /// The error for a value that can be read but not sent.
    pub(crate) fn undefined(&self, what: &'static str, value: u32) -> WireError {
        let (message, offset) = (self.message, self.buf.len());
        WireError::Undefined {
            message,
            what,
            offset,
            value: i64::from(value),
        }
    }

    pub(crate) fn finish_untagged(mut self) -> Result<Bytes, WireError> {
        put_length(&mut self.buf, self.message, self.length_at)?;
        Ok(self.buf.freeze())
    }
}

/// Appends a value with its length before it.
pub(crate) fn put_value(
    out: &mut BytesMut,
    message: MessageName,
    value: Option<&[u8]>,
) -> Result<(), WireError> {
    let Some(value) = value else {
        out.put_i32(-1);
        return Ok(());
    };
    let length = i32::try_from(value.len()).map_err(|_| WireError::Unsendable {
        message,
        length: value.len(),
    })?;
    out.put_i32(length);
    out.put_slice(value);
    Ok(())
}

/// Fills in the length field at `at`, of the message that ends where `out` ends.
pub(crate) fn put_length(
    out: &mut BytesMut,
    message: MessageName,
    at: usize,
) -> Result<(), WireError> {
    let length = out.len().saturating_sub(at);
    let field = i32::try_from(length).map_err(|_| WireError::Unsendable { message, length })?;
    put_field(out, at, field);
    Ok(())
}

/// Overwrites the four bytes at `at`, which the writer left room for.
fn put_field(out: &mut BytesMut, at: usize, field: i32) {
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = field.to_be_bytes();
    }
}
