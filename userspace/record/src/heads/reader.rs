//! Reads entries.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::{Entry, FILE, HASH_LEN, HEADER, MAX_ENTRY, beginning, message, next};
use crate::{
    Tail,
    header::Anchor,
    sign::{KeyId, SIGNATURE_LEN, TrustedKeys},
};

/// An entry as it was read; true is only what its signature holds for.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) entry: Entry,
    pub(crate) key: KeyId,
    signature: [u8; SIGNATURE_LEN],
    json: Vec<u8>,
    before: Anchor,
}

impl Signed {
    /// Whether a trusted key vouches for it; the key's name where it is not trusted.
    pub(crate) fn holds(&self, keys: &TrustedKeys) -> Result<bool, KeyId> {
        let key = keys.get(self.key).ok_or(self.key)?;
        Ok(key.verifies(&message(&self.before, &self.json), &self.signature))
    }
}

/// Reads entries, one after the other.
pub(super) struct Walk<R> {
    input: R,
    offset: u64,
    anchor: Anchor,
}

pub(super) enum Step {
    Entry(Box<Signed>),
    End,
    /// So many bytes of an entry.
    Torn(u64),
    Broken,
}

impl<R: Read> Walk<R> {
    pub(super) fn new(input: R, offset: u64, anchor: Anchor) -> Self {
        Self {
            input,
            offset,
            anchor,
        }
    }

    /// Behind the last entry.
    pub(super) fn place(&self) -> (u64, Anchor) {
        (self.offset, self.anchor)
    }

    pub(super) fn next(&mut self) -> io::Result<Step> {
        let head = fill(&mut self.input, 4)?;
        let Some(length) = head.first_chunk::<4>() else {
            return Ok(match head.len() {
                0 => Step::End,
                some => Step::Torn(some as u64),
            });
        };
        let size = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if !(8 + SIGNATURE_LEN..=MAX_ENTRY).contains(&size) {
            return Ok(Step::Broken);
        }
        let mut body = fill(&mut self.input, size + HASH_LEN)?;
        if body.len() < size + HASH_LEN {
            return Ok(Step::Torn(4 + body.len() as u64));
        }
        let stored = body.split_off(size);
        let chain = next(&self.anchor.chain, length, &body);
        if !chain.starts_with(&stored) {
            return Ok(Step::Broken);
        }
        let Some(signed) = parse(&body, self.anchor) else {
            return Ok(Step::Broken);
        };
        self.offset += (4 + size + HASH_LEN) as u64;
        self.anchor = Anchor {
            entries: self.anchor.entries + 1,
            chain,
        };
        Ok(Step::Entry(Box::new(signed)))
    }
}

fn parse(body: &[u8], before: Anchor) -> Option<Signed> {
    let (key, rest) = body.split_first_chunk()?;
    let (signature, json) = rest.split_first_chunk()?;
    Some(Signed {
        entry: serde_json::from_slice(json).ok()?,
        key: KeyId::from_bytes(*key),
        signature: *signature,
        json: json.to_vec(),
        before,
    })
}

/// What a whole head file says.
#[derive(Debug)]
pub(crate) struct ReadHeads {
    pub(crate) entries: Vec<Signed>,
    /// The chain's hash before the first entry, and after each.
    pub(crate) chains: Vec<[u8; 32]>,
    /// Where an entry doesn't fit what is before it.
    pub(crate) broken: Option<u64>,
    pub(crate) tail: Tail,
}

/// Reads the head file of a directory of records; nothing where there is none.
pub(crate) fn read(dir: &Path) -> io::Result<Option<ReadHeads>> {
    let file = match File::open(dir.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut input = BufReader::new(file);
    let header = fill(&mut input, HEADER.len())?;
    let (offset, anchor) = beginning();
    let mut read = ReadHeads {
        entries: Vec::new(),
        chains: vec![anchor.chain],
        broken: None,
        tail: Tail::Whole,
    };
    if header != HEADER {
        match HEADER.starts_with(&header) {
            true => {
                read.tail = Tail::Torn {
                    bytes: header.len() as u64,
                }
            }
            false => read.broken = Some(0),
        }
        return Ok(Some(read));
    }
    let mut walk = Walk::new(input, offset, anchor);
    loop {
        match walk.next()? {
            Step::Entry(signed) => {
                read.entries.push(*signed);
                read.chains.push(walk.anchor.chain);
            }
            Step::End => return Ok(Some(read)),
            Step::Torn(bytes) => {
                read.tail = Tail::Torn { bytes };
                return Ok(Some(read));
            }
            Step::Broken => {
                read.broken = Some(walk.offset);
                return Ok(Some(read));
            }
        }
    }
}

pub(super) fn fill(input: &mut impl Read, want: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(want as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
