//! Syncs files in the background, for all sessions of a host.
//!
//! A file waits once, however much is written to it meanwhile, so one sync covers all commands of a
//! pipeline. Where files rest first, all that wait come due at one time, however many they are; and
//! several are synced side by side. So the file system can put their commits into one.

use std::{
    io, iter, mem,
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
    /// Starts; each file rests for up to `rest` before its sync, so that more gets into it.
    pub(crate) fn start(rest: Duration) -> io::Result<Self> {
        let (queue, mut jobs) = channel();
        let mut threads = Vec::new();
        let mut start = |work: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name("weir-sync".to_owned());
            threads.push(thread.spawn(work)?);
            Ok::<_, io::Error>(())
        };
        if !rest.is_zero() {
            let (due, at_once) = channel();
            let resting = mem::replace(&mut jobs, at_once);
            start(Box::new(move || collect(&resting, &due, rest)))?;
        }
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..THREADS {
            let jobs = Arc::clone(&jobs);
            start(Box::new(move || work(&jobs)))?;
        }
        Ok(Self { queue, threads })
    }

    pub(crate) fn queue(&self) -> Sender<Job> {
        self.queue.clone()
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        for _ in 0..THREADS {
            self.queue.send(Job::Stop).ok();
        }
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

/// Hands on what has rested, all at one time.
fn collect(jobs: &Receiver<Job>, due: &Sender<Job>, rest: Duration) {
    let mut stops = 0;
    while stops < THREADS {
        let Ok(first) = jobs.recv() else { return };
        thread::sleep(rest);
        for job in iter::once(first).chain(jobs.try_iter()) {
            stops += usize::from(matches!(job, Job::Stop));
            due.send(job).ok();
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job::Sync(ledger)) = job else { return };
        // Its session is told by the ledger.
        ledger.sync().ok();
    }
}
