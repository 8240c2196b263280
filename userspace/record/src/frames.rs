//! Frames out of a file: whole ones, verified, one after the other.
//!
//! Not its job: what is in them.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Place, ReadError,
    checkpoint::Checkpoint,
    frame::{BadHead, Chain, HEAD_LEN, Head, Kind},
    header::{self, FIXED_LEN, PACKED, Rest, VERSION},
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
    version: u16,
    rest: Option<Rest>,
    /// Where the next frame begins.
    offset: u64,
    /// How many came before it.
    number: u64,
    chain: Chain,
    tail: Tail,
}

/// A place between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The byte at which the next begins.
    pub(crate) offset: u64,
    /// How many come before it.
    pub(crate) number: u64,
    /// The chain's hash after these.
    pub(crate) chain: [u8; 32],
}

/// One frame, as it is stored.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// From 0.
    pub(crate) number: u64,
    pub(crate) body: Vec<u8>,
}

impl<R: Read> Frames<R> {
    pub(crate) fn begin(mut input: R, path: PathBuf) -> Result<Self, ReadError> {
        let mut read = |want: usize| {
            fill(&mut input, want as u64).map_err(|source| {
                let place = Place {
                    path: path.clone(),
                    offset: 0,
                };
                ReadError::Read { place, source }
            })
        };
        let mut bytes = read(FIXED_LEN)?;
        let Some(head) = bytes.first_chunk::<FIXED_LEN>() else {
            if !header::could_begin(&bytes) {
                return Err(ReadError::NotARecord { path });
            }
            return Ok(Self::torn(input, path, &bytes));
        };
        let fixed = header::fixed(head, &path)?;
        let mut rest = None;
        if fixed.version >= PACKED {
            let more = read(fixed.rest)?;
            bytes.extend_from_slice(&more);
            if more.len() < fixed.rest {
                return Ok(Self::torn(input, path, &bytes));
            }
            rest = Some(header::rest(fixed, &more, &path)?);
        }
        Ok(Self {
            version: fixed.version,
            rest,
            offset: bytes.len() as u64,
            number: 0,
            chain: Chain::start(&bytes),
            tail: Tail::Whole,
            input,
            path,
        })
    }

    /// A record that stops within its header.
    fn torn(input: R, path: PathBuf, bytes: &[u8]) -> Self {
        Self {
            input,
            path,
            version: VERSION,
            rest: None,
            offset: 0,
            number: 0,
            chain: Chain::start(bytes),
            tail: Tail::Torn {
                bytes: bytes.len() as u64,
            },
        }
    }

    /// The next whole frame, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, ReadError> {
        let bytes = self.read(HEAD_LEN as u64)?;
        let Some(head) = bytes.first_chunk::<HEAD_LEN>() else {
            return Ok(self.stop(&bytes, 0));
        };
        let head = Head::parse(*head, self.version).map_err(|bad| match bad {
            BadHead::Kind(kind) => ReadError::Kind {
                place: self.place(),
                kind,
            },
            BadHead::Length(length) => ReadError::Length {
                place: self.place(),
                length,
            },
        })?;
        let stored = header::stored_hash(self.version);
        let want = u64::from(head.length) + stored as u64;
        let mut body = self.read(want)?;
        if (body.len() as u64) < want {
            return Ok(self.stop(&body, HEAD_LEN as u64));
        }
        let hash = body.split_off(body.len() - stored);
        let chain = self.chain.next(head, [&body[..]]);
        if chain.stored(stored) != hash {
            return Err(ReadError::Chain {
                place: self.place(),
            });
        }
        let number = self.number;
        self.chain = chain;
        self.offset += HEAD_LEN as u64 + want;
        self.number += 1;
        Ok(Some(Frame {
            kind: head.kind,
            number,
            body,
        }))
    }

    /// Where it is.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            offset: self.offset,
            number: self.number,
            chain: *self.chain.as_bytes(),
        }
    }

    /// Goes on at a place that a reader of this record had come to. False where the record stops
    /// before that.
    pub(crate) fn jump(&mut self, mark: Mark) -> Result<bool, ReadError>
    where
        R: Seek,
    {
        let other = ReadError::Chain {
            place: self.place(),
        };
        if mark.offset == self.offset {
            return (mark == self.mark()).then_some(true).ok_or(other);
        }
        let stored = header::stored_hash(self.version);
        let hash = mark.offset.checked_sub(stored as u64);
        let Some(hash) = hash.filter(|_| mark.offset > self.offset) else {
            return Err(other);
        };
        if let Err(source) = self.input.seek(SeekFrom::Start(hash)) {
            let place = self.place();
            return Err(ReadError::Read { place, source });
        }
        let found = self.read(stored as u64)?;
        if found.len() < stored {
            return Ok(false);
        }
        if !mark.chain.starts_with(&found) {
            return Err(other);
        }
        self.offset = mark.offset;
        self.number = mark.number;
        self.chain = Chain::from_bytes(mark.chain);
        Ok(true)
    }

    /// The format's version.
    pub(crate) fn version(&self) -> u16 {
        self.version
    }

    /// What the header says besides; nothing before [`PACKED`].
    pub(crate) fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    /// How many frames came before the next.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The chain after the last frame.
    pub(crate) fn last_chain(&self) -> Chain {
        self.chain
    }

    /// The chain's hash after the last frame.
    pub(crate) fn chain(&self) -> &[u8; 32] {
        self.chain.as_bytes()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
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

/// Frames since [`PACKED`] one after the other, whether they fit together or not: for saying
/// what happened where they don't.
#[derive(Debug)]
pub(crate) struct Loose<R> {
    input: R,
    version: u16,
    offset: u64,
}

/// A frame that was found so.
#[derive(Debug)]
pub(crate) struct Laid {
    head: Head,
    body: Vec<u8>,
    hash: Vec<u8>,
}

impl<R: Read> Loose<R> {
    pub(crate) fn new(input: R, version: u16, offset: u64) -> Self {
        Self {
            input,
            version,
            offset,
        }
    }

    /// The next that is whole and could be one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Laid>> {
        let bytes = fill(&mut self.input, HEAD_LEN as u64)?;
        let head = bytes.first_chunk::<HEAD_LEN>();
        let Some(Ok(head)) = head.map(|head| Head::parse(*head, self.version)) else {
            return Ok(None);
        };
        let stored = header::stored_hash(self.version);
        let want = u64::from(head.length) + stored as u64;
        let mut body = fill(&mut self.input, want)?;
        if (body.len() as u64) < want {
            return Ok(None);
        }
        let hash = body.split_off(body.len() - stored);
        self.offset += HEAD_LEN as u64 + want;
        Ok(Some(Laid { head, body, hash }))
    }

    /// Where the next begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}

impl Laid {
    /// Whether it belongs right behind what this is the chain of.
    pub(crate) fn fits(&self, chain: Chain) -> bool {
        self.after(chain).stored(self.hash.len()) == self.hash
    }

    /// The chain with this frame behind it.
    pub(crate) fn after(&self, chain: Chain) -> Chain {
        chain.next(self.head, [&self.body[..]])
    }

    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        (self.head.kind == Kind::Checkpoint)
            .then(|| Checkpoint::parse(&self.body))
            .flatten()
    }
}

/// Up to `want` bytes; fewer only at the end. The buffer grows with what is there, not with what
/// is claimed.
fn fill(input: &mut impl Read, want: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(want).read_to_end(&mut bytes)?;
    Ok(bytes)
}
