//! How far one file is on the disk: what was recorded, what a sync has covered, and who waits for
//! it. Not its job: when to sync.
//!
//! An error of a sync is remembered and never asked about again: the kernel reports it once, and a
//! later sync would succeed without what was lost.

use std::{
    fmt,
    fs::File,
    future::Future,
    io::{self, IoSlice, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::Sender,
    },
    task::{Context, Poll, Waker},
    time::Instant,
};

use crate::{Observer, RecordError, replace::sync_names, room::Room, syncer::Job};

/// What bytes are appended to.
pub(crate) trait Medium: Send + Sync + fmt::Debug {
    /// Hands bytes to the kernel; says how many it took.
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Waits until the disk has them.
    fn sync(&self) -> io::Result<()>;
}

impl Medium for File {
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut file = self;
        file.write_vectored(parts)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// What was recorded and is not written yet.
pub(crate) trait Gathered: Send + Sync + fmt::Debug {
    /// Writes it.
    fn write(&self) -> io::Result<()>;
}

/// How many bytes of one session may be on their way to the disk before it waits, whatever is
/// demanded: a slow disk slows its sessions down, and nothing piles up.
const LAG: u64 = 64 << 20;

/// Who syncs a ledger, and whether a command waits for that.
#[derive(Clone, Debug)]
pub(crate) struct Syncing {
    pub(crate) queue: Sender<Job>,
    pub(crate) strict: bool,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Syncing {
    /// Asks for a sync, some time soon. False where there is nobody to do it.
    fn ask(&self, ledger: &Arc<Ledger>) -> bool {
        let job = Job::Sync(Arc::clone(ledger), Instant::now());
        self.queue.send(job).is_ok()
    }
}

/// How far a file is.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    medium: Box<dyn Medium>,
    /// Must be on the disk before this one.
    before: Option<Arc<Ledger>>,
    syncing: Option<Syncing>,
    written: AtomicU64,
    synced: AtomicU64,
    queued: AtomicBool,
    failed: OnceLock<(io::ErrorKind, String)>,
    gathered: OnceLock<Weak<dyn Gathered>>,
    /// One sync at a time: its error is told to one caller only. Holds the directory, until the
    /// file's name in it is on the disk.
    name: Mutex<Option<PathBuf>>,
    wakers: Mutex<Vec<Waker>>,
}

impl Ledger {
    pub(crate) fn new(
        path: PathBuf,
        medium: Box<dyn Medium>,
        before: Option<Arc<Ledger>>,
        syncing: Option<Syncing>,
    ) -> Self {
        Self {
            name: Mutex::new(path.parent().map(Path::to_owned)),
            path,
            medium,
            before,
            syncing,
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            queued: AtomicBool::new(false),
            failed: OnceLock::new(),
            gathered: OnceLock::new(),
            wakers: Mutex::default(),
        }
    }

    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.whole()?;
        let count = self.medium.append(parts)?;
        if let Some(observer) = self.observer() {
            observer.wrote(count as u64);
        }
        Ok(count)
    }

    /// Takes note that so many bytes were recorded, and sees to it that they are synced.
    pub(crate) fn note(self: &Arc<Self>, count: u64) {
        self.written.fetch_add(count, Ordering::AcqRel);
        if let Some(syncing) = &self.syncing
            && !self.queued.swap(true, Ordering::AcqRel)
            && !syncing.ask(self)
        {
            self.fail(&io::Error::other("nobody syncs it any more"));
        }
    }

    /// Says who is to be asked for what was recorded and not written yet, before a sync.
    pub(crate) fn gathers(&self, gathered: Weak<dyn Gathered>) {
        // There is one session to a ledger.
        self.gathered.set(gathered).ok();
    }

    /// Writes what was gathered and waits for the disk, here and now.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut name = lock(&self.name);
        self.whole()?;
        // What is recorded from here on queues it again.
        self.queued.store(false, Ordering::Release);
        let written = self.written.load(Ordering::Acquire);
        let began = Instant::now();
        let gathered = self.gathered.get().and_then(Weak::upgrade);
        let synced = gathered
            .map_or(Ok(()), |gathered| gathered.write())
            .and_then(|()| self.sync_all(&mut name));
        if let Some(observer) = self.observer() {
            observer.synced(began.elapsed());
        }
        match &synced {
            Ok(()) => {
                self.synced.fetch_max(written, Ordering::Release);
            }
            Err(error) => self.fail(error),
        }
        drop(name);
        self.wake();
        synced
    }

    fn sync_all(&self, name: &mut Option<PathBuf>) -> io::Result<()> {
        if let Some(before) = &self.before {
            if before.synced.load(Ordering::Acquire) < before.written.load(Ordering::Acquire) {
                before.sync()?;
            }
            before.whole()?;
        }
        self.medium.sync()?;
        if let Some(dir) = name.as_deref() {
            sync_names(dir)?;
            *name = None;
        }
        Ok(())
    }

    /// What a command waits for: its intent, where durability is strict.
    pub(crate) fn commit(self: &Arc<Self>) -> Commit {
        match &self.syncing {
            Some(Syncing { strict: true, .. }) => self.upto(0),
            _ => self.keeps_up(),
        }
    }

    /// What everything else waits for: that the disk keeps up.
    pub(crate) fn keeps_up(self: &Arc<Self>) -> Commit {
        match self.syncing {
            Some(_) => self.upto(LAG),
            None => self.upto(u64::MAX),
        }
    }

    fn upto(self: &Arc<Self>, lag: u64) -> Commit {
        let written = self.written.load(Ordering::Acquire);
        Commit {
            upto: written.saturating_sub(lag),
            ledger: Arc::clone(self),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn observer(&self) -> Option<&dyn Observer> {
        self.syncing.as_ref()?.observer.as_deref()
    }

    fn whole(&self) -> io::Result<()> {
        match self.failed.get() {
            None => Ok(()),
            Some((kind, message)) => Err(io::Error::new(*kind, message.clone())),
        }
    }

    fn fail(&self, error: &io::Error) {
        // The first failure is the one that counts.
        self.failed.set((error.kind(), error.to_string())).ok();
        self.wake();
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        wakers.into_iter().for_each(Waker::wake);
    }

    fn reached(&self, upto: u64) -> Result<bool, RecordError> {
        self.whole().map_err(|source| RecordError::Sync {
            path: self.path.clone(),
            source,
        })?;
        Ok(self.synced.load(Ordering::Acquire) >= upto)
    }
}

/// Resolves once what was recorded before it was made is as durable as is demanded: on the disk
/// where durability is strict; otherwise in the kernel's hands, and the disk not too far behind.
///
/// # Errors
/// [`RecordError::Sync`] when the disk did not take it: then it may be lost, whatever comes later.
#[derive(Clone, Debug)]
#[must_use = "nothing waits until this is awaited"]
pub struct Commit {
    ledger: Arc<Ledger>,
    upto: u64,
}

impl Commit {
    /// Whether it has resolved, without waiting.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn settled(&self) -> Result<bool, RecordError> {
        self.ledger.reached(self.upto)
    }
}

impl Future for Commit {
    type Output = Result<(), RecordError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ready = || match self.settled() {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        };
        let first = ready();
        if first.is_ready() {
            return first;
        }
        {
            let mut wakers = lock(&self.ledger.wakers);
            if !wakers.iter().any(|one| one.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
        }
        // A sync that came between is not told of otherwise.
        ready()
    }
}

/// A ledger to write to, which gives up the reserve rather than fail.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) room: Option<Arc<Room>>,
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.ledger.append(parts) {
            Err(error)
                if error.kind() == io::ErrorKind::StorageFull
                    && self.room.as_ref().is_some_and(|room| room.give_up()) =>
            {
                self.ledger.append(parts)
            }
            appended => appended,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
