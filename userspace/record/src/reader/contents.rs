//! What the bodies of frames hold: unpacked, and decrypted where there is a key.

use std::io;

use crate::{
    ReadError,
    frames::{Frame, Frames},
    header::{PACKED, VERSION},
    pack::Unpacker,
    seal::{Closed, FileKey, Identities},
};

/// How contents come out of bodies.
#[derive(Debug)]
pub(super) enum Contents {
    /// As they are, before version 3.
    Bare,
    /// Packed by all before, and sealed where there is a key: version 3.
    Packed(Unpacker, Option<FileKey>),
    /// Several in each, packed alone, and sealed where there is a key.
    Batches(Unpacker, Option<FileKey>),
    /// They don't: only outlines are read.
    Closed,
}

impl Contents {
    /// As they come out of the bodies of these frames, with what decrypts them.
    pub(super) fn new<R: io::Read>(
        frames: &Frames<R>,
        identities: Option<&Identities>,
    ) -> Result<Self, ReadError> {
        let path = || frames.path().to_owned();
        if frames.version() < PACKED {
            return Ok(Self::Bare);
        }
        let key = match (
            frames.rest().and_then(|rest| rest.envelope.as_ref()),
            identities,
        ) {
            (None, _) => None,
            (Some(_), None) => return Err(ReadError::Encrypted { path: path() }),
            (Some(envelope), Some(identities)) => {
                let key = FileKey::unwrap(envelope, identities);
                Some(key.map_err(|closed| match closed {
                    Closed::NoneFits => ReadError::Encrypted { path: path() },
                    Closed::Damaged => ReadError::NotARecord { path: path() },
                })?)
            }
        };
        let unpacker = if frames.version() < VERSION {
            Unpacker::streamed().map(|unpacker| Self::Packed(unpacker, key))
        } else {
            Unpacker::alone().map(|unpacker| Self::Batches(unpacker, key))
        };
        unpacker.map_err(|source| ReadError::Open {
            path: path(),
            source,
        })
    }

    /// The content of a frame, or nothing where its body is none.
    pub(super) fn of(&mut self, frame: Frame) -> Option<Vec<u8>> {
        let Frame {
            kind,
            number,
            mut body,
        } = frame;
        match self {
            Self::Bare => Some(body),
            Self::Packed(unpacker, key) | Self::Batches(unpacker, key) => {
                if let Some(key) = key {
                    key.open(number, kind.number(), &mut body)?;
                }
                unpacker.unpack(&body).ok()
            }
            Self::Closed => None,
        }
    }
}
