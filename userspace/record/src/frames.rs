//! Frames out of a file: whole ones, verified, one after the other.
//!
//! Not its job: what is in them.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Place, ReadError,
    frame::{self, BadHead, Chain, HASH_LEN, HEAD_LEN, HEADER_LEN, Head, Kind},
};

/// How a record stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tail {
    /// After a frame.
    Whole,
    /// Within one: its writer was stopped while writing it, or is writing it now.
    Torn {
        /// How many bytes are there after the last whole frame (or, without a whole header, at
        /// all).
        bytes: u64,
    },
}

/// Reads frames, and gives out none that the chain does not vouch for.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    input: R,
    path: PathBuf,
    /// Where the next frame begins.
    offset: u64,
    chain: Chain,
    tail: Tail,
}

impl<R: Read> Frames<R> {
    pub(crate) fn begin(mut input: R, path: PathBuf) -> Result<Self, ReadError> {
        let bytes = fill(&mut input, HEADER_LEN as u64).map_err(|source| {
            let place = Place {
                path: path.clone(),
                offset: 0,
            };
            ReadError::Read { place, source }
        })?;
        let ours = frame::header();
        let (header, tail) = match bytes.first_chunk::<HEADER_LEN>() {
            Some(header) => {
                frame::check_header(header, &path)?;
                (*header, Tail::Whole)
            }
            None if ours.starts_with(&bytes) => {
                let bytes = bytes.len() as u64;
                (ours, Tail::Torn { bytes })
            }
            None => return Err(ReadError::NotARecord { path }),
        };
        Ok(Self {
            input,
            path,
            offset: HEADER_LEN as u64,
            chain: Chain::start(&header),
            tail,
        })
    }

    /// Reads on where a reader had come: at `offset`, where `input` stands, behind `chain`.
    pub(crate) fn behind(input: R, path: PathBuf, offset: u64, chain: Chain) -> Self {
        Self {
            input,
            path,
            offset,
            chain,
            tail: Tail::Whole,
        }
    }

    /// The next whole frame's kind and body, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(Kind, Vec<u8>)>, ReadError> {
        let bytes = self.read(HEAD_LEN as u64)?;
        let Some(head) = bytes.first_chunk::<HEAD_LEN>() else {
            return Ok(self.stop(&bytes, 0));
        };
        let head = Head::parse(*head).map_err(|bad| match bad {
            BadHead::Kind(kind) => ReadError::Kind {
                place: self.place(),
                kind,
            },
            BadHead::Length(length) => ReadError::Length {
                place: self.place(),
                length,
            },
        })?;
        let want = u64::from(head.length) + HASH_LEN as u64;
        let mut bytes = self.read(want)?;
        if (bytes.len() as u64) < want {
            return Ok(self.stop(&bytes, HEAD_LEN as u64));
        }
        let Some((body, hash)) = bytes.split_last_chunk::<HASH_LEN>() else {
            return Ok(self.stop(&bytes, HEAD_LEN as u64));
        };
        let chain = self.chain.next(head, [body]);
        if chain.as_bytes() != hash {
            return Err(ReadError::Chain {
                place: self.place(),
            });
        }
        let length = body.len();
        bytes.truncate(length);
        self.chain = chain;
        self.offset += HEAD_LEN as u64 + want;
        Ok(Some((head.kind, bytes)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The hash of everything before that.
    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }

    /// Known once there is no next frame.
    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    fn stop<T>(&mut self, bytes: &[u8], before: u64) -> Option<T> {
        let bytes = before + bytes.len() as u64;
        if bytes > 0 {
            self.tail = Tail::Torn { bytes };
        }
        None
    }

    fn read(&mut self, want: u64) -> Result<Vec<u8>, ReadError> {
        fill(&mut self.input, want).map_err(|source| ReadError::Read {
            place: self.place(),
            source,
        })
    }

    fn place(&self) -> Place {
        Place {
            path: self.path.clone(),
            offset: self.offset,
        }
    }
}

/// Up to `want` bytes; fewer only at the end. The buffer grows with what is there, not with what
/// is claimed.
fn fill(input: &mut impl Read, want: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(want).read_to_end(&mut bytes)?;
    Ok(bytes)
}
