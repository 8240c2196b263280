//! The thread that keeps the index up.
//!
//! It looks at all records when it is [woken](Indexer::wake) and every few seconds besides, at one
//! when its session [has ended](Indexer::ended), and is the only one that writes to the index. Nothing
//! waits for it but who asks the index, and that only for a moment: what is missing then is told
//! ([`Sessions::pending`]).

use std::{
    fmt, mem,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use weir_record::{FindError, SessionId};

use crate::{Index, Sessions, StoreError, Wanted, schema};

/// The priority that everything else comes before, and the usual (setpriority(2)); of the calling
/// thread alone.
const LAST: i32 = 19;
const USUAL: i32 = 0;
/// How often it looks at all records by itself.
const LOOK: Duration = Duration::from_secs(5);
/// How long who asks is made to wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the index of a directory up. Clones are the same indexer; the thread ends with the last.
#[derive(Clone)]
pub struct Indexer(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    records: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    /// Held to write by who replaces the index's file, to read by who asks it.
    file: RwLock<()>,
}

#[derive(Default)]
struct State {
    /// How many looks were asked for, and how many of these are over.
    asked: u64,
    done: u64,
    /// To be made anew with the next look.
    anew: bool,
    /// Whose records are complete.
    ended: Vec<SessionId>,
    pending: usize,
    stop: bool,
}

/// What it looks at.
enum Look {
    /// Everything, to make the index anew.
    Anew,
    /// Everything.
    All,
    /// The records of these.
    Of(Vec<SessionId>),
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Indexer").field(&self.0.shared.path).finish()
    }
}

impl Indexer {
    /// Keeps the index in `path` up with the directory `records`, which need not be there yet.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(path: &Path, records: &Path) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            records: records.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
            file: RwLock::new(()),
        });
        let works = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || works.run())
            .map_err(|source| StoreError::File {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self(Arc::new(Handle {
            shared,
            thread: Some(thread),
        })))
    }

    /// There is something new in the records. Returns at once.
    pub fn wake(&self) {
        let shared = &self.0.shared;
        shared.state().asked += 1;
        shared.changed.notify_all();
    }

    /// A session has ended, and all of it is on record. Returns at once.
    pub fn ended(&self, session: SessionId) {
        let shared = &self.0.shared;
        shared.state().ended.push(session);
        shared.changed.notify_all();
    }

    /// Sessions that are wanted, by all that is on record now; where that takes longer than a
    /// moment to take in, it is told how many records are missing. Blocks.
    ///
    /// # Errors
    /// When the index can't be used; it is being made anew then, if that helps.
    pub fn list(&self, wanted: &Wanted) -> Result<Sessions, StoreError> {
        self.wait(PATIENCE)?;
        let mut sessions = self.ask(|index| index.list(wanted))?;
        sessions.pending = self.0.shared.state().pending;
        Ok(sessions)
    }

    /// The record of the session whose id begins with `prefix`. Blocks.
    ///
    /// # Errors
    /// As [`weir_record::find`].
    pub fn find(&self, prefix: &str) -> Result<PathBuf, FindError> {
        let records = &self.0.shared.records;
        let whole = prefix.parse::<SessionId>();
        let known = match whole {
            Ok(id) => vec![id],
            Err(_) => self
                .wait(PATIENCE)
                .and_then(|()| self.ask(|index| index.beginning(prefix)))
                .unwrap_or_default(),
        };
        if let [id] = known.as_slice() {
            let path = weir_record::store::path_of(records, *id);
            if path.exists() {
                return Ok(path);
            }
        }
        // What the index does not know may be there all the same; and this says why not.
        weir_record::find(records, prefix)
    }

    /// Makes the index anew from the records, and waits for it: how many sessions there are.
    /// Blocks for as long as that takes.
    ///
    /// # Errors
    /// When the index can't be used.
    pub fn rebuild(&self) -> Result<Sessions, StoreError> {
        self.0.shared.state().anew = true;
        self.wait(Duration::MAX)?;
        self.list(&Wanted {
            limit: Some(0),
            ..Wanted::default()
        })
    }

    /// Waits until everything is taken in that is on record now, or for so long.
    fn wait(&self, patience: Duration) -> Result<(), StoreError> {
        let shared = &self.0.shared;
        let mut state = shared.state();
        state.asked += 1;
        let ticket = state.asked;
        shared.changed.notify_all();
        let until = Instant::now().checked_add(patience);
        while state.done < ticket {
            if state.stop {
                return Err(StoreError::Stopped);
            }
            let left = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return Ok(()),
                left => left.unwrap_or(LOOK),
            };
            state = shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }

    fn ask<T>(&self, ask: impl Fn(&Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let shared = &self.0.shared;
        let once = || {
            let _held = shared.file.read().unwrap_or_else(PoisonError::into_inner);
            ask(&Index::open_to_read(&shared.path)?)
        };
        match once() {
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "the index is thrown away and made anew");
                shared.state().anew = true;
                self.wait(PATIENCE)?;
                once()
            }
            asked => asked,
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the indexer broke off");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut index = None;
        let mut due = Instant::now();
        while let Some((goal, look)) = self.next(due) {
            // Sessions must not wait for what nobody waits for. Where this can't be had, it goes on as
            // it is.
            let asked = goal > self.state().done || matches!(look, Look::Anew);
            let priority = if asked { USUAL } else { LAST };
            rustix::process::setpriority_process(None, priority).ok();
            if !matches!(look, Look::Of(_)) {
                due = Instant::now() + LOOK;
            }
            let looked = self.look(&mut index, look);
            if let Err(error) = &looked {
                tracing::error!(%error, "the index of sessions is not up to date");
                // Opened again with the next look, and made anew if that is what it takes.
                index = None;
            }
            let mut state = self.state();
            state.done = state.done.max(goal);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for something to look at: how many looks it answers, and what it is. All of it is due at
    /// a time. Nothing when the thread is to end.
    fn next(&self, due: Instant) -> Option<(u64, Look)> {
        let mut state = self.state();
        let left = due.saturating_duration_since(Instant::now());
        let nothing = |state: &State| {
            state.asked <= state.done && !state.anew && state.ended.is_empty() && !state.stop
        };
        if nothing(&state) && !left.is_zero() {
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let ended = mem::take(&mut state.ended);
        let look = if mem::take(&mut state.anew) {
            Look::Anew
        } else if state.asked > state.done || Instant::now() >= due {
            Look::All
        } else {
            Look::Of(ended)
        };
        (!state.stop).then_some((state.asked, look))
    }

    fn look(&self, held: &mut Option<Index>, look: Look) -> Result<(), StoreError> {
        let anew = matches!(look, Look::Anew);
        if anew {
            *held = None;
            let _alone = self.file.write().unwrap_or_else(PoisonError::into_inner);
            schema::remove(&self.path)?;
        }
        if held.is_none() {
            // Opening may replace the file.
            let _alone = self.file.write().unwrap_or_else(PoisonError::into_inner);
            *held = Some(Index::open(&self.path)?);
        }
        let Some(index) = held.as_mut() else {
            return Ok(());
        };
        let looked = match look {
            Look::Of(sessions) => index.update_of(&self.records, &sessions),
            Look::All | Look::Anew => {
                let looked = index.update_while(&self.records, |pending| {
                    let mut state = self.state();
                    state.pending = pending;
                    !state.stop && !state.anew
                });
                looked.map(|pass| self.state().pending = pass.pending)
            }
        };
        match looked {
            Ok(()) => Ok(()),
            Err(error) if error.is_damage() && !anew => {
                tracing::warn!(%error, "the index is thrown away and made anew");
                self.look(held, Look::Anew)
            }
            Err(error) => Err(error),
        }
    }
}
