//! Syncs files in the background, for all sessions of a host.
//!
//! A file waits once, however much is written to it meanwhile, so one sync covers all commands of a
//! pipeline; several files are synced side by side, so that the file system can put their commits
//! into one. Each rests by itself: all of them at one time would keep the sessions' own threads from
//! their core for as long as that takes.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::ledger::Ledger;

/// How many files are synced side by side.
const THREADS: usize = 8;

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Job {
    Sync(Arc<Ledger>),
    Stop,
}

/// The threads. Dropped, it syncs what still waits, and waits for that.
#[derive(Debug)]
pub(crate) struct Syncer {
    queue: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Syncer {
    /// Starts; each file rests for `rest` before its sync, so that more gets into it.
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
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job::Sync(ledger)) = job else { return };
        thread::sleep(rest);
        // Its session is told by the ledger.
        ledger.sync().ok();
    }
}
