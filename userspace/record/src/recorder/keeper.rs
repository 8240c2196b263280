//! The thread that keeps room for records.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    TrustedKeys,
    retain::{Limits, Pruner},
    room::Room,
};

/// How often it is looked how much room there is.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked what was kept long enough.
const PRUNE: Duration = Duration::from_secs(60);

/// What the keeper looks after.
pub(super) struct Kept {
    pub(super) pruner: Arc<Pruner>,
    pub(super) room: Arc<Room>,
    pub(super) limits: Limits,
    /// Those whose word is taken for a record that has ended.
    pub(super) keys: TrustedKeys,
}

/// Looks after the room and the age of records in the background, until it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(kept: Kept) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new()
            .name("weir-records".to_owned())
            .spawn(move || {
                let Kept {
                    pruner,
                    room,
                    limits,
                    keys,
                } = kept;
                pruner.close_unfinished(&keys);
                let mut pruned: Option<Instant> = None;
                loop {
                    room.look();
                    if limits.any() && pruned.is_none_or(|when| when.elapsed() >= PRUNE) {
                        // What can't be removed now is tried again.
                        pruner.prune(limits).ok();
                        pruned = Some(Instant::now());
                    }
                    match stopped.recv_timeout(LOOK) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
