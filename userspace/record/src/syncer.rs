//! Syncs files in the background, for all sessions of a host.
//!
//! A file waits once, however much is written to it meanwhile, so one sync covers all commands of a
//! pipeline; several files are synced side by side, so that the file system can put their commits
//! into one. Each rests by itself: all of them at one time would keep the sessions' own threads from
//! their core for as long as that takes. So does each thread after a sync: what many sessions record
//! takes longer to get there, and no more of the CPU.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::ledger::Ledger;

/// How many files are synced side by side.
const THREADS: usize = 8;

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// A file, and since when it waits.
    Sync(Arc<Ledger>, Instant),
    Stop,
}

/// The threads. Dropped, it syncs what still waits, and waits for that.
#[derive(Debug)]
pub(crate) struct Syncer {
    queue: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Syncer {
    /// Starts; each file rests for `rest` before its sync, so that more gets into it, and each thread
    /// half as long after one.
    pub(crate) fn start(rest: Duration) -> io::Result<Self> {
        let (queue, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut syncer = Self {
            queue,
            threads: Vec::new(),
        };
        for _ in 0..THREADS {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name("weir-sync".to_owned());
            syncer
                .threads
                .push(thread.spawn(move || work(&jobs, rest))?);
        }
        Ok(syncer)
    }

    pub(crate) fn queue(&self) -> Sender<Job> {
        self.queue.clone()
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        for _ in &self.threads {
            self.queue.send(Job::Stop).ok();
        }
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, rest: Duration) {
    let mut free = Instant::now();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job::Sync(ledger, since)) = job else {
            return;
        };
        let due = free.max(since + rest);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Its session is told by the ledger.
        ledger.sync().ok();
        free = Instant::now() + rest / 2;
    }
}
