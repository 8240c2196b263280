//! Removes whole sessions that were kept long enough, oldest first, and never one that is written
//! to: each is first told of in the head file, on the disk, and then removed.

use std::{
    collections::{HashMap, HashSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    RecordError, SessionId, TrustedKeys,
    heads::{self, Entry, Heads, How, Reason, Total},
    journal::Sum,
    recorder::Live,
    replace::sync_names,
    store, verify,
};

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long; for good without it.
    pub keep: Option<Duration>,
    /// How many bytes altogether; without it as many as there is room for.
    pub max_size: Option<u64>,
}

/// A session that is, or would be, removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Which.
    pub id: SessionId,
    /// Why.
    pub reason: Reason,
    /// How many bytes it has.
    pub bytes: u64,
    #[serde(skip)]
    path: PathBuf,
}

impl Limits {
    /// Whether anything is ever removed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.keep.is_some() || self.max_size.is_some()
    }
}

/// Which records stay whatever their age, since somebody still needs them.
#[derive(Clone, Default)]
pub struct Spared(Option<Arc<dyn Fn(SessionId) -> bool + Send + Sync>>);

impl Spared {
    /// Those of which this says so.
    #[must_use]
    pub fn by(needs: impl Fn(SessionId) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(needs)))
    }

    fn has(&self, id: SessionId) -> bool {
        self.0.as_ref().is_some_and(|needs| needs(id))
    }
}

impl fmt::Debug for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spared").finish_non_exhaustive()
    }
}

/// The sessions that are due at a time, oldest first; `live` says which are written to.
///
/// # Errors
/// When the directory can't be read.
pub fn due(
    dir: &Path,
    limits: Limits,
    now: SystemTime,
    live: impl Fn(SessionId) -> bool,
) -> io::Result<Vec<Due>> {
    let mut found = Vec::new();
    for id in store::names(dir).map_err(io::Error::other)?.ids {
        let path = store::path_of(dir, id);
        let meta = fs::metadata(&path)?;
        found.push((id, path, meta.len(), meta.modified()?));
    }
    found.sort_unstable_by_key(|(id, ..)| *id);
    let mut total = found.iter().map(|(_, _, bytes, _)| bytes).sum::<u64>();
    let mut due = Vec::new();
    for (id, path, bytes, modified) in found {
        if live(id) {
            continue;
        }
        // A clock that was set back makes nothing older.
        let age = now.duration_since(modified).unwrap_or_default();
        let reason = if limits.keep.is_some_and(|keep| age >= keep) {
            Reason::Age
        } else if limits.max_size.is_some_and(|most| total > most) {
            Reason::Size
        } else {
            continue;
        };
        total = total.saturating_sub(bytes);
        due.push(Due {
            id,
            reason,
            bytes,
            path,
        });
    }
    Ok(due)
}

/// Removes a host's sessions, when their time has come or when somebody says so.
#[derive(Debug)]
pub(crate) struct Pruner {
    pub(crate) dir: PathBuf,
    pub(crate) heads: Arc<Heads>,
    pub(crate) live: Arc<Live>,
    pub(crate) spared: Spared,
    /// Who removes does so alone: two would each leave a tombstone.
    pub(crate) turn: Mutex<()>,
}

impl Pruner {
    /// What is due now.
    pub(crate) fn due(&self, limits: Limits) -> Result<Vec<Due>, RecordError> {
        let stays = |id| self.live.has(id) || self.spared.has(id);
        due(&self.dir, limits, SystemTime::now(), stays).map_err(|source| self.blame(source))
    }

    /// Removes what is due, and leaves a tombstone for each.
    pub(crate) fn prune(&self, limits: Limits) -> Result<Vec<Due>, RecordError> {
        let _alone = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.due(limits)?;
        if due.is_empty() {
            return Ok(due);
        }
        let Known { totals, removed } = known(&self.dir).map_err(|source| self.blame(source))?;
        for one in &due {
            // One that an earlier daemon told of and then could not remove.
            if removed.contains(&one.id) {
                continue;
            }
            let total = match totals.get(&one.id) {
                Some(total) => *total,
                None => total(&one.path).map_err(|source| self.blame(source))?,
            };
            self.heads.add(&Entry::Removed {
                at: Timestamp::now(),
                session: one.id,
                reason: one.reason,
                total,
            })?;
        }
        let removed = || {
            self.heads.ledger().sync()?;
            for one in &due {
                fs::remove_file(&one.path)?;
            }
            sync_names(&self.dir)
        };
        removed().map_err(|source| self.blame(source))?;
        Ok(due)
    }

    /// Says in the head file what the sessions came to whose writers were stopped. What can't be read
    /// is left for who verifies.
    pub(crate) fn close_unfinished(&self, keys: &TrustedKeys) {
        let unfinished = || unfinished(&self.dir).unwrap_or_default();
        let mut left = unfinished();
        left.retain(|one| !self.live.has(*one));
        if left.is_empty() {
            return;
        }
        // A live one may have ended since they were read, which is told before it counts as dead.
        let still = unfinished();
        for session in left.into_iter().filter(|one| still.contains(one)) {
            // None where its writer was stopped before there was a file.
            let path = store::path_of(&self.dir, session);
            let (total, how) = match total(&path) {
                Ok(total) if is_sealed(&path, keys) => (total, How::Ended),
                Ok(total) => (total, How::Stopped),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    (Sum::NOTHING.into(), How::Stopped)
                }
                Err(_) => continue,
            };
            let closed = self.heads.add(&Entry::End {
                at: Timestamp::now(),
                session,
                how,
                total,
            });
            if closed.is_err() {
                return;
            }
        }
    }

    fn blame(&self, source: io::Error) -> RecordError {
        RecordError::Directory {
            path: self.dir.clone(),
            source,
        }
    }
}

/// The sessions that have begun and of which no end is told.
fn unfinished(dir: &Path) -> io::Result<Vec<SessionId>> {
    let mut open = Vec::new();
    for signed in heads::read(dir)?.into_iter().flat_map(|read| read.entries) {
        match signed.entry {
            Entry::Start { session, .. } => open.push(session),
            Entry::End { session, .. } | Entry::Removed { session, .. } => {
                open.retain(|one| *one != session);
            }
            Entry::Key { .. } | Entry::Torn { .. } => {}
        }
    }
    Ok(open)
}

/// What a record comes to, as it is.
fn total(path: &Path) -> io::Result<Total> {
    fs::metadata(path)?;
    let read = verify::session::read(path, None, None, |_| ());
    read.map(|read| read.sum.into()).map_err(io::Error::other)
}

/// Whether these keys vouch for a record to its session's end: its writer was stopped behind that.
fn is_sealed(path: &Path, keys: &TrustedKeys) -> bool {
    let read = verify::session::read(path, Some(keys), None, |_| ());
    read.is_ok_and(|read| read.is_sealed())
}

struct Known {
    totals: HashMap<SessionId, Total>,
    removed: HashSet<SessionId>,
}

fn known(dir: &Path) -> io::Result<Known> {
    let mut known = Known {
        totals: HashMap::new(),
        removed: HashSet::new(),
    };
    for signed in heads::read(dir)?.into_iter().flat_map(|read| read.entries) {
        match signed.entry {
            Entry::End { session, total, .. } => {
                known.totals.insert(session, total);
            }
            Entry::Removed { session, .. } => {
                known.removed.insert(session);
            }
            _ => {}
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests;
