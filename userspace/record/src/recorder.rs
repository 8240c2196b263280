//! What all sessions of a host share when they are recorded: the key, the head file, the syncing,
//! the reserve, and what removes records that were kept long enough.

mod keeper;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    HeadsError, Observer, Recipient, RecordError, SessionId, SessionStart, SessionWriter,
    SigningKey, file,
    heads::{Entry, Heads, How},
    journal::{Opening, Sum, Witness},
    ledger::{Gathered, Syncing},
    recover,
    retain::{Due, Limits, Pruner, Spared},
    room::Room,
    seal::FileKey,
    spool::Spools,
    syncer::Syncer,
};

use keeper::{Keeper, Kept};

/// How long a written file rests before it is synced. A shorter time costs each command its share of more
/// syncs; in a longer one a busy session fills what is kept for it, and its own thread has to pack that.
const REST: Duration = Duration::from_millis(100);

/// What waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: an intent is in the kernel's hands before its command is forwarded, and on the disk
    /// soon after.
    #[default]
    Batched,
    /// Every command, for its intent.
    Strict,
}

/// How to record.
#[derive(Debug)]
pub struct Options {
    /// Where to.
    pub dir: PathBuf,
    /// Who vouches for it.
    pub key: SigningKey,
    /// What waits for the disk.
    pub durability: Durability,
    /// Who can read it: everybody with the right to the file where there is none.
    pub recipients: Vec<Recipient>,
    /// How many bytes are kept for the ends of sessions. Nothing with 0.
    pub reserve: u64,
    /// How long records are kept; for good without it.
    pub keep: Option<Duration>,
    /// How many bytes all records may have; without it as many as there is room for.
    pub max_size: Option<u64>,
}

/// Records the sessions of a host. Clones are the same.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Host>);

/// What its sessions need of it.
#[derive(Debug)]
pub(crate) struct Host {
    dir: PathBuf,
    key: Arc<SigningKey>,
    heads: Arc<Heads>,
    room: Arc<Room>,
    live: Arc<Live>,
    recipients: Vec<Recipient>,
    pruner: Arc<Pruner>,
    syncing: Syncing,
    observer: Option<Arc<dyn Observer>>,
    /// Without one each entry is written at once.
    spools: Option<Arc<Spools>>,
    // Dropped in this order: nothing is written any more when the last syncs are waited for.
    _keeper: Keeper,
    _syncer: Syncer,
}

/// The sessions that are written to.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashMap<SessionId, Option<Weak<dyn Gathered>>>>);

/// Why there can be no recorder.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] RecordError),
    /// The head file can't be used.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// What an earlier process had recorded can't be put into its records, or there is no room to
    /// gather what this one will.
    #[error("can't gather what is recorded: {0}")]
    Spool(#[source] io::Error),
    /// No thread could be started.
    #[error("can't start what syncs records: {0}")]
    Threads(#[from] io::Error),
}

impl Recorder {
    /// Opens a directory of records, and makes it where it does not exist. What earlier writers
    /// left unfinished is closed in the head file, in the background.
    ///
    /// # Errors
    /// Any [`RecorderError`].
    pub fn open(options: Options) -> Result<Self, RecorderError> {
        Self::open_sparing(options, Spared::default())
    }

    /// As [`open`](Self::open), with retention leaving what `spared` says.
    ///
    /// # Errors
    /// Any [`RecorderError`].
    pub fn open_sparing(options: Options, spared: Spared) -> Result<Self, RecorderError> {
        Self::open_with(options, spared, None)
    }

    /// As [`open_sparing`](Self::open_sparing), and with an observer.
    ///
    /// # Errors
    /// Any [`RecorderError`].
    pub fn open_observed(
        options: Options,
        spared: Spared,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, RecorderError> {
        Self::open_with(options, spared, Some(observer))
    }

    fn open_with(
        options: Options,
        spared: Spared,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, RecorderError> {
        let Options {
            dir,
            key,
            durability,
            recipients,
            reserve,
            keep,
            max_size,
        } = options;
        file::private_dir(&dir)?;
        let spools = recover::spools(&dir).map_err(RecorderError::Spool)?;
        let (rest, strict) = match durability {
            Durability::Batched => (REST, false),
            Durability::Strict => (Duration::ZERO, true),
        };
        let syncer = Syncer::start(rest)?;
        let syncing = Syncing {
            queue: syncer.queue(),
            strict,
            observer: observer.clone(),
        };
        let key = Arc::new(key);
        let room = Arc::new(Room::new(&dir, reserve));
        let heads = Arc::new(Heads::open(
            &dir,
            Arc::clone(&key),
            Arc::clone(&room),
            syncing.clone(),
        )?);
        let live = Arc::new(Live::default());
        let pruner = Arc::new(Pruner {
            dir: dir.clone(),
            heads: Arc::clone(&heads),
            live: Arc::clone(&live),
            spared,
            turn: Mutex::default(),
        });
        let keeper = Keeper::start(Kept {
            pruner: Arc::clone(&pruner),
            room: Arc::clone(&room),
            limits: Limits { keep, max_size },
            keys: key.public().into(),
        })?;
        Ok(Self(Arc::new(Host {
            dir,
            key,
            heads,
            room,
            live,
            recipients,
            pruner,
            syncing,
            observer,
            spools,
            _keeper: keeper,
            _syncer: syncer,
        })))
    }

    /// Begins the record of a session.
    ///
    /// # Errors
    /// [`RecordError::Full`] while the reserve is all that is left, and as
    /// [`SessionWriter::create`].
    pub fn create(&self, start: &SessionStart) -> Result<SessionWriter, RecordError> {
        SessionWriter::hosted(&self.0, start)
    }

    /// The sessions that [`prune`](Self::prune) would remove now, oldest first.
    ///
    /// # Errors
    /// [`RecordError::Directory`].
    pub fn due(&self, limits: Limits) -> Result<Vec<Due>, RecordError> {
        self.0.pruner.due(limits)
    }

    /// Removes whole sessions, oldest first, until the rest is within these limits, and never one
    /// that is written to. Each is told of in the head file before it is gone. Blocks on the disk.
    ///
    /// # Errors
    /// [`RecordError::Directory`], and those of writing to the head file. Whatever was told of and
    /// is still there goes with the next time.
    pub fn prune(&self, limits: Limits) -> Result<Vec<Due>, RecordError> {
        self.0.pruner.prune(limits)
    }

    /// Writes to the files what live sessions have recorded in the last moment, for who reads them
    /// now. It would be written by itself, too.
    ///
    /// # Errors
    /// The last of a file that can't be written; its session learns of it as well.
    pub fn write_out(&self) -> io::Result<()> {
        let mut written = Ok(());
        for gathered in self.0.live.gathered() {
            written = gathered.write().and(written);
        }
        written
    }

    /// Where the records are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Whether no new session is taken, since the reserve is all the room that is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.room.is_tight()
    }
}

impl Host {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    pub(crate) fn heads(&self) -> &Arc<Heads> {
        &self.heads
    }

    pub(crate) fn syncing(&self) -> Syncing {
        self.syncing.clone()
    }

    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.observer.as_deref()
    }

    /// Puts a session's beginning into the head file, and makes what its record begins with.
    pub(crate) fn begin(&self, id: SessionId, path: &Path) -> Result<Opening, RecordError> {
        let sealed = if self.recipients.is_empty() {
            None
        } else {
            let key = FileKey::generate(&self.recipients);
            Some(key.map_err(|source| RecordError::Write {
                path: path.to_owned(),
                source,
            })?)
        };
        let (file_key, envelope) = sealed.unzip();
        self.live.add(id);
        let at = Timestamp::now();
        let started = self.heads.add(&Entry::Start { at, session: id });
        let anchor = started.inspect_err(|_| self.live.remove(id))?;
        Ok(Opening {
            rest: crate::header::Rest {
                id,
                anchor,
                envelope,
            },
            file_key,
            witness: Some(Witness {
                key: Arc::clone(&self.key),
                heads: Some(Arc::clone(&self.heads)),
            }),
            spools: self.spools.clone(),
        })
    }

    /// Leaves a session as it is, for the next start.
    pub(crate) fn leave(&self, id: SessionId) {
        self.live.remove(id);
    }

    /// Puts what a session came to into the head file.
    pub(crate) fn over(&self, id: SessionId, how: How, sum: Sum) -> Result<(), RecordError> {
        let ended = self.heads.add(&Entry::End {
            at: Timestamp::now(),
            session: id,
            how,
            total: sum.into(),
        });
        self.live.remove(id);
        ended.map(drop)
    }
}

impl Live {
    fn add(&self, id: SessionId) {
        self.lock().insert(id, None);
    }

    /// Says who has what a session has recorded and not written.
    pub(crate) fn gathers(&self, id: SessionId, gathered: Weak<dyn Gathered>) {
        self.lock().insert(id, Some(gathered));
    }

    fn gathered(&self) -> Vec<Arc<dyn Gathered>> {
        let live = self.lock();
        live.values().flatten().filter_map(Weak::upgrade).collect()
    }

    fn remove(&self, id: SessionId) {
        self.lock().remove(&id);
    }

    pub(crate) fn has(&self, id: SessionId) -> bool {
        self.lock().contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Option<Weak<dyn Gathered>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
