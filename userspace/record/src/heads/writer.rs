//! Appends entries, behind what other processes have put there.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, BufReader, IoSlice, Seek, SeekFrom},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    Entry, FILE, HASH_LEN, HEADER, HeadsError, beginning, message, next,
    reader::{Step, Walk, fill},
};
use crate::{
    RecordError,
    header::Anchor,
    journal,
    ledger::{Ledger, Spool, Syncing},
    room::Room,
    sign::SigningKey,
};

/// Writes the head file.
pub(crate) struct Heads {
    path: PathBuf,
    file: File,
    ledger: Arc<Ledger>,
    room: Arc<Room>,
    key: Arc<SigningKey>,
    end: Mutex<End>,
    /// As of the last entry; locked for no longer than it takes to copy it.
    latest: Mutex<Anchor>,
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
            latest: Mutex::default(),
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

    /// What the file has come to, as far as is known here.
    pub(crate) fn latest(&self) -> Anchor {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
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
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = end.anchor;
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
        let mut walk = Walk::new(input, end.offset, end.anchor);
        let ours = self.key.public().id();
        loop {
            match walk.next().map_err(|source| self.blame(source))? {
                Step::Entry(signed) => {
                    let introduces = matches!(signed.entry, Entry::Key { .. });
                    end.introduced |= introduces && signed.key == ours;
                    (end.offset, end.anchor) = walk.place();
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
        let count = parts.iter().map(|part| part.len() as u64).sum();
        let written = journal::write_all(&mut spool, parts);
        self.ledger.note(count);
        written.map_err(|source| self.blame(source))
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
        let (offset, anchor) = beginning();
        Self {
            offset,
            anchor,
            introduced,
        }
    }
}

impl fmt::Debug for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heads {}", self.path.display())
    }
}
