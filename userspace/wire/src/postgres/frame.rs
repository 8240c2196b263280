//! One whole message, still undecoded, and how it is cut off a buffer.
//!
//! Job: type byte, length, body, without copying. Not its job: what the body holds; the untagged
//! packets before a session starts are in `startup`.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{Decoded, Limits};
use crate::{MessageName, WireError};

/// Type byte and length field.
pub(crate) const HEADER: usize = 5;
/// The length field counts itself.
pub(crate) const LENGTH: u32 = 4;
/// What is left of the most that a signed length can say.
const MOST_BODY: usize = 0x7fff_ffff - 4;

/// One whole message: type byte, length, body. 55.1 "Overview".
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Never shorter than [`HEADER`], and as long as its length field says.
    raw: Bytes,
}

impl Frame {
    /// Takes bytes that are exactly one message.
    pub fn from_raw(raw: Bytes) -> Result<Self, WireError> {
        let Some((&[tag, a, b, c, d], _)) = raw.split_first_chunk::<HEADER>() else {
            return Err(WireError::NoFrame {
                found: raw.len(),
                least: HEADER,
            });
        };
        let message = MessageName::Tagged(tag);
        let length = u32::from_be_bytes([a, b, c, d]);
        let body = body_length(message, length, LENGTH, MOST_BODY)?;
        if raw.len() - HEADER == body {
            Ok(Self { raw })
        } else {
            Err(WireError::NotOneFrame {
                message,
                length,
                found: raw.len(),
            })
        }
    }

    /// Bytes that the crate itself put together as one message.
    pub(super) fn trusted(raw: Bytes) -> Self {
        debug_assert!(Self::from_raw(raw.clone()).is_ok(), "not one message");
        Self { raw }
    }

    /// The type byte.
    #[must_use]
    pub fn tag(&self) -> u8 {
        self.raw.first().copied().unwrap_or_default()
    }

    /// What follows the length field; shares this frame's memory.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.raw.slice(HEADER.min(self.raw.len())..)
    }

    /// The whole message.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The whole message.
    #[must_use]
    pub fn into_raw(self) -> Bytes {
        self.raw
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Frame('{}', {} bytes)",
            self.tag().escape_ascii(),
            self.raw.len()
        )
    }
}

/// Takes exactly one message off the front of `buf`.
///
/// Allocates nothing. After an error the stream has no known place to go on from: the connection
/// must end.
pub fn decode_frame(buf: &mut BytesMut, limits: &Limits) -> Result<Decoded<Frame>, WireError> {
    let Some((&[tag, a, b, c, d], _)) = buf.split_first_chunk::<HEADER>() else {
        return Ok(Decoded::Incomplete {
            need: HEADER - buf.len(),
        });
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    let body = body_length(MessageName::Tagged(tag), length, LENGTH, limits.message)?;
    let total = body.saturating_add(HEADER);
    if let Some(need @ 1..) = total.checked_sub(buf.len()) {
        return Ok(Decoded::Incomplete { need });
    }
    Ok(Decoded::Complete(Frame {
        raw: buf.split_to(total).freeze(),
    }))
}

/// How many whole messages of one kind stand at the front of `buffer`, and how many bytes they have.
/// What is none, or has a body of more than `limit` bytes, ends the run.
#[must_use]
pub fn run_of(tag: u8, buffer: &[u8], limit: usize) -> (u64, usize) {
    let (mut count, mut end) = (0, 0);
    while let Some((&[kind, a, b, c, d], rest)) = buffer
        .get(end..)
        .and_then(<[u8]>::split_first_chunk::<HEADER>)
    {
        let length = u32::from_be_bytes([a, b, c, d]);
        match body_length(MessageName::Tagged(tag), length, LENGTH, limit) {
            Ok(body) if kind == tag && body <= rest.len() => end += HEADER + body,
            _ => break,
        }
        count += 1;
    }
    (count, end)
}

/// The bytes that follow a length field of this value, if it is believable.
pub(super) fn body_length(
    message: MessageName,
    length: u32,
    least: u32,
    limit: usize,
) -> Result<usize, WireError> {
    if length < least {
        return Err(WireError::TooShort {
            message,
            length,
            least,
        });
    }
    // The field is signed: what looks negative to the server must not be a length here.
    if i32::try_from(length).is_err() {
        return Err(WireError::TooLong {
            message,
            length,
            limit,
        });
    }
    match usize::try_from(length - LENGTH) {
        Ok(body) if body <= limit => Ok(body),
        _ => Err(WireError::TooLong {
            message,
            length,
            limit,
        }),
    }
}

#[cfg(test)]
mod tests;
