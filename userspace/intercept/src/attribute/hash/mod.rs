//! The hash of an executable, off the way of connections: read once by one of a few blocking threads,
//! then remembered for as long as the file is the same.
//!
//! A file is the same while its device, inode number and time of change are: nobody without the right
//! to set the host's clock can make a file's time of change what it was. That is also how the file
//! that is opened here is known to be the one that the kernel saw a process run.
//!
//! Known limit: a file that is rewritten within the clock tick (10 ms at most) in which it was last
//! changed is not told from what it was.

mod device;
mod file;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    fs::File,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::timeout,
};

use super::caller::Executable;
use crate::Pid;

pub(super) use file::{FileId, handle};

/// Files larger than this are not hashed.
pub(crate) const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// How long a connection waits for the hash of its caller's executable.
const WITHIN: Duration = Duration::from_secs(5);

/// Threads that read at once. One that a file system makes wait forever is one less.
const READERS: usize = 4;

/// Files whose hashes are remembered.
const REMEMBERED: usize = 1024;

/// BLAKE3 of an executable's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExeHash([u8; 32]);

impl ExeHash {
    /// The bytes.
    pub const fn get(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for ExeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ExeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an executable has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unhashed {
    /// The process is not known, or runs no file.
    #[error("the process's executable is not known")]
    Unknown,
    /// The process runs it no more, and at its path is another file or none, or it has changed.
    #[error("the executable is gone or has changed since")]
    Gone,
    /// More than 256 MiB.
    #[error("the executable is too large to hash")]
    TooLarge,
    /// On a file system in userspace, whose owner can answer each read as it likes.
    #[error("the executable is on a file system that a process serves")]
    Served,
    /// It could not be read.
    #[error("the executable can't be read")]
    Unreadable,
    /// The file system, or those who asked before, took too long.
    #[error("the executable could not be read in time")]
    Late,
}

type Outcome = Result<ExeHash, Unhashed>;

/// The hash of what a process ran, if it can still be had.
pub(super) async fn of(executable: &Executable, pid: Option<Pid>) -> Outcome {
    let id = executable.file;
    if id.is_served() {
        return Err(Unhashed::Served);
    }
    let path = executable.path().map(ToOwned::to_owned);
    HASHES
        .get(id, move || file::open(&id, pid, path.as_deref()))
        .await
}

/// The hash of a file that is open, be it only as a handle.
pub(super) async fn of_handle(handle: File) -> Outcome {
    let id = FileId::stat(&handle).ok_or(Unhashed::Unreadable)?;
    HASHES
        .get(id, move || {
            file::reopen(&handle).ok_or(Unhashed::Unreadable)
        })
        .await
}

static HASHES: LazyLock<Hashes> = LazyLock::new(Hashes::default);

/// What is known, and being found out.
struct Hashes {
    known: Arc<Mutex<Known>>,
    readers: Arc<Semaphore>,
}

impl Default for Hashes {
    fn default() -> Self {
        Self {
            known: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }
}

#[derive(Default)]
struct Known {
    /// `None` until the one who reads is done.
    outcomes: HashMap<FileId, watch::Receiver<Option<Outcome>>>,
    /// The same ids, the oldest first.
    order: VecDeque<FileId>,
}

impl Known {
    /// What is known of a file, unless whoever was to find it out has gone away.
    fn get(&self, id: &FileId) -> Option<watch::Receiver<Option<Outcome>>> {
        let found = self.outcomes.get(id)?;
        let given_up = found.borrow().is_none() && found.has_changed().is_err();
        (!given_up).then(|| found.clone())
    }

    fn put(&mut self, id: FileId, outcome: watch::Receiver<Option<Outcome>>) {
        if self.outcomes.insert(id, outcome).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
    }

    fn forget(&mut self, id: &FileId) {
        self.outcomes.remove(id);
        self.order.retain(|one| one != id);
    }
}

impl Hashes {
    async fn get(
        &self,
        id: FileId,
        open: impl FnOnce() -> Result<File, Unhashed> + Send + 'static,
    ) -> Outcome {
        let mut outcome = self.find_or_read(id, open);
        let waited = timeout(WITHIN, outcome.wait_for(Option::is_some)).await;
        match waited {
            Ok(Ok(found)) => found.unwrap_or(Err(Unhashed::Unreadable)),
            Ok(Err(_reader_gone)) => Err(Unhashed::Unreadable),
            Err(_elapsed) => Err(Unhashed::Late),
        }
    }

    /// Where the outcome is, or will be. The first to ask for a file has it read; the reading goes on
    /// also if nobody waits any longer.
    fn find_or_read(
        &self,
        id: FileId,
        open: impl FnOnce() -> Result<File, Unhashed> + Send + 'static,
    ) -> watch::Receiver<Option<Outcome>> {
        let mut known = lock(&self.known);
        if let Some(found) = known.get(&id) {
            return found;
        }
        let (tell, outcome) = watch::channel(None);
        known.put(id, outcome.clone());
        drop(known);
        let (known, readers) = (Arc::clone(&self.known), Arc::clone(&self.readers));
        tokio::spawn(async move {
            let Ok(turn) = readers.acquire_owned().await else {
                return;
            };
            let reading = spawn_blocking(move || {
                let _until_read = turn;
                file::hash(&open()?, &id)
            });
            let outcome = reading.await.unwrap_or(Err(Unhashed::Unreadable));
            // The next one who asks may find the file readable, or the process alive.
            if outcome.is_err() {
                lock(&known).forget(&id);
            }
            tell.send_replace(Some(outcome));
        });
        outcome
    }
}

/// A list that somebody panicked with is still a list.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
