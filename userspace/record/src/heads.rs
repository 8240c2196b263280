//! The host's head file: what sessions there were, and what each came to.
//!
//! Its entries are chained and signed one by one, so that a session that is missing shows as well
//! as one that was changed. It is only ever appended to. Several processes may write to it: each
//! entry is appended under a lock of the file, behind what the others have put there.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, BufReader, IoSlice, Read, Seek, SeekFrom},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    RecordError, SessionId, Tail,
    header::Anchor,
    journal::{self, Sum},
    ledger::{Ledger, Spool, Syncing},
    room::Room,
    sign::{self, KeyId, SIGNATURE_LEN, SigningKey, TrustedKeys},
};

/// Its name in a directory of records.
pub(crate) const FILE: &str = "heads";
const HEADER: &[u8; 16] = b"weir\x89hds\x01\0\0\0\0\0\0\0";
/// The most that an entry may hold; the longest are a tenth of it.
const MAX_ENTRY: usize = 4 << 10;
/// What tells these signatures from others of the same key.
const PURPOSE: &[u8] = b"weir head entry 1\0";
const HASH_LEN: usize = 16;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "head", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// From here on this key signs.
    Key { at: Timestamp, public: String },
    /// A session began.
    Start { at: Timestamp, session: SessionId },
    /// A session is over, and came to this.
    End {
        at: Timestamp,
        session: SessionId,
        how: How,
        #[serde(flatten)]
        total: Total,
    },
    /// Retention removed a session, which had come to this.
    Removed {
        at: Timestamp,
        session: SessionId,
        reason: Reason,
        #[serde(flatten)]
        total: Total,
    },
    /// A writer was stopped in the middle of an entry; so many bytes of it were taken away.
    Torn { at: Timestamp, bytes: u64 },
}

/// How a session came to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// It was ended.
    Ended,
    /// Its writer was stopped, or could not write on.
    Stopped,
}

/// Why a session was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was kept as long as records are.
    Age,
    /// All together held more than they may.
    Size,
}

/// What a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub(crate) chain: [u8; 32],
}

impl From<Sum> for Total {
    fn from(sum: Sum) -> Self {
        let Sum {
            chain,
            frames,
            bytes,
        } = sum;
        Self {
            frames,
            bytes,
            chain,
        }
    }
}

fn to_hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&sign::Hex(bytes))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    sign::hex(text.as_bytes()).ok_or_else(|| de::Error::custom("not 64 hexadecimal digits"))
}

/// Why the head file can't be written to.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// The file can't be used.
    #[error("can't use the head file {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged or was changed. Going on behind that would cover it up.
    #[error("the head file {} is damaged or was changed at byte {byte}: see `weir sessions verify`, and move the file away to begin another", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where the entry begins.
        byte: u64,
    },
}

/// Writes the head file.
pub(crate) struct Heads {
    path: PathBuf,
    file: File,
    ledger: Arc<Ledger>,
    room: Arc<Room>,
    key: Arc<SigningKey>,
    end: Mutex<End>,
}

/// Where the file ends, as far as is known here.
#[derive(Clone, Copy, Debug)]
struct End {
    offset: u64,
    anchor: Anchor,
    /// Whether this key was introduced.
    introduced: bool,
}

impl Heads {
    /// Opens the head file of a directory of records, or begins it.
    pub(crate) fn open(
        dir: &Path,
        key: Arc<SigningKey>,
        room: Arc<Room>,
        syncing: Syncing,
    ) -> Result<Self, HeadsError> {
        let path = dir.join(FILE);
        let blame = |source| HeadsError::File {
            path: path.clone(),
            source,
        };
        let open = || {
            OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)
        };
        let file = open().map_err(blame)?;
        let medium = Box::new(file.try_clone().map_err(blame)?);
        let heads = Self {
            ledger: Arc::new(Ledger::new(path.clone(), medium, None, Some(syncing))),
            end: Mutex::new(End {
                offset: 0,
                anchor: Anchor::default(),
                introduced: false,
            }),
            path: path.clone(),
            file,
            room,
            key,
        };
        heads.append(None)?;
        Ok(heads)
    }

    /// Appends an entry, and says where the file ends now.
    pub(crate) fn add(&self, entry: &Entry) -> Result<Anchor, RecordError> {
        self.append(Some(entry)).map_err(|error| {
            let path = self.path.clone();
            let source = match error {
                HeadsError::File { source, .. } => source,
                HeadsError::Damaged { .. } => io::Error::other(error.to_string()),
            };
            match source.kind() {
                io::ErrorKind::StorageFull => RecordError::Full { path, source },
                _ => RecordError::Write { path, source },
            }
        })
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn append(&self, entry: Option<&Entry>) -> Result<Anchor, HeadsError> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.lock().map_err(|source| self.blame(source))?;
        let appended = self.append_locked(&mut end, entry);
        // Closing it would unlock it, too.
        self.file.unlock().map_err(|source| self.blame(source))?;
        appended
    }

    fn append_locked(&self, end: &mut End, entry: Option<&Entry>) -> Result<Anchor, HeadsError> {
        self.catch_up(end)?;
        if !end.introduced {
            let introduction = Entry::Key {
                at: Timestamp::now(),
                public: self.key.public().to_string(),
            };
            self.write(end, &introduction)?;
            end.introduced = true;
        }
        if let Some(entry) = entry {
            self.write(end, entry)?;
        }
        Ok(end.anchor)
    }

    /// Reads what others have put there, and takes away what a killed writer left half.
    fn catch_up(&self, end: &mut End) -> Result<(), HeadsError> {
        let meta = self.file.metadata().map_err(|source| self.blame(source))?;
        if meta.nlink() == 0 {
            let gone = "it was removed while it was in use; start weir again";
            return Err(self.blame(io::Error::other(gone)));
        }
        let length = meta.len();
        if length < end.offset {
            return Err(self.damaged(length));
        }
        if length < HEADER.len() as u64 {
            self.file.set_len(0).map_err(|source| self.blame(source))?;
            self.put(&mut [IoSlice::new(HEADER)])?;
            *end = End::begin(end.introduced);
            return Ok(());
        }
        let mut input = BufReader::new(&self.file);
        if end.offset == 0 {
            input
                .seek(SeekFrom::Start(0))
                .map_err(|source| self.blame(source))?;
            let header = fill(&mut input, HEADER.len()).map_err(|source| self.blame(source))?;
            if header != HEADER {
                return Err(self.damaged(0));
            }
            *end = End::begin(end.introduced);
        } else if length == end.offset {
            return Ok(());
        }
        input
            .seek(SeekFrom::Start(end.offset))
            .map_err(|source| self.blame(source))?;
        let mut walk = Walk {
            input,
            offset: end.offset,
            anchor: end.anchor,
        };
        let ours = self.key.public().id();
        loop {
            match walk.next().map_err(|source| self.blame(source))? {
                Step::Entry(signed) => {
                    let introduces = matches!(signed.entry, Entry::Key { .. });
                    end.introduced |= introduces && signed.key == ours;
                    (end.offset, end.anchor) = (walk.offset, walk.anchor);
                }
                Step::End => return Ok(()),
                Step::Torn(bytes) => {
                    self.file
                        .set_len(end.offset)
                        .map_err(|source| self.blame(source))?;
                    let at = Timestamp::now();
                    return self.write(end, &Entry::Torn { at, bytes });
                }
                Step::Broken => return Err(self.damaged(end.offset)),
            }
        }
    }

    fn write(&self, end: &mut End, entry: &Entry) -> Result<(), HeadsError> {
        let json = serde_json::to_vec(entry).map_err(|source| self.blame(source.into()))?;
        let signature = self.key.sign(&message(&end.anchor, &json));
        let key = self.key.public().id().to_bytes();
        let body = [&key[..], &signature, &json].concat();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
        let chain = next(&end.anchor.chain, &length, &body);
        let (stored, _) = chain.split_at(HASH_LEN);
        let mut parts = [&length[..], &body, stored].map(IoSlice::new);
        let written = parts.iter().map(|part| part.len() as u64).sum::<u64>();
        self.put(&mut parts)?;
        end.offset += written;
        end.anchor = Anchor {
            entries: end.anchor.entries + 1,
            chain,
        };
        Ok(())
    }

    fn put(&self, parts: &mut [IoSlice<'_>]) -> Result<(), HeadsError> {
        let mut spool = Spool {
            ledger: Arc::clone(&self.ledger),
            room: Some(Arc::clone(&self.room)),
        };
        journal::write_all(&mut spool, parts).map_err(|source| self.blame(source))
    }

    fn blame(&self, source: io::Error) -> HeadsError {
        HeadsError::File {
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, byte: u64) -> HeadsError {
        HeadsError::Damaged {
            path: self.path.clone(),
            byte,
        }
    }
}

impl End {
    fn begin(introduced: bool) -> Self {
        Self {
            offset: HEADER.len() as u64,
            anchor: Anchor {
                entries: 0,
                chain: *blake3::hash(HEADER).as_bytes(),
            },
            introduced,
        }
    }
}

impl fmt::Debug for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heads {}", self.path.display())
    }
}

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
struct Walk<R> {
    input: R,
    offset: u64,
    anchor: Anchor,
}

enum Step {
    Entry(Box<Signed>),
    End,
    /// So many bytes of an entry.
    Torn(u64),
    Broken,
}

impl<R: Read> Walk<R> {
    fn next(&mut self) -> io::Result<Step> {
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
    let begin = End::begin(false);
    let mut read = ReadHeads {
        entries: Vec::new(),
        chains: vec![begin.anchor.chain],
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
    let mut walk = Walk {
        input,
        offset: begin.offset,
        anchor: begin.anchor,
    };
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

fn message(before: &Anchor, json: &[u8]) -> Vec<u8> {
    let mut message = PURPOSE.to_vec();
    message.extend_from_slice(&before.entries.to_le_bytes());
    message.extend_from_slice(&before.chain);
    message.extend_from_slice(json);
    message
}

fn next(before: &[u8; 32], length: &[u8; 4], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(length);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

fn fill(input: &mut impl Read, want: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(want as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
