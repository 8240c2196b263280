//! The threads that sessions live on, each with a runtime of its own: one for two cores with io_uring, else
//! one for each.
//!
//! Job: a session stays on the thread that it began on, so that none waits for another's lock and a
//! socket's news wakes only the thread that wants it; and what a thread's sessions send leaves
//! together, by io_uring where the kernel has one for us. The fewer the threads the more that is, and
//! the other cores are the agents'; without it each send is one of its own however many there are.
//! Not its job: what a session does.
//!
//! Known limit: sessions don't move. A statement that takes long to judge keeps others of its thread
//! waiting, though another thread may have nothing to do.

use std::{
    io,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

/// The threads. They end when this is dropped, and with them what still runs there.
#[derive(Debug)]
pub struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    /// Whoever waits for one of them ends when it is dropped.
    _stop: Vec<oneshot::Sender<()>>,
}

impl Workers {
    /// Starts them; `io_uring` says whether they may use that.
    ///
    /// # Errors
    /// Where a thread or its runtime can't be had.
    pub fn start(io_uring: bool) -> io::Result<Self> {
        let io_uring = io_uring && has_ring();
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let count = if io_uring { cores.div_ceil(2) } else { cores };
        let mut workers = Self {
            handles: Vec::with_capacity(count),
            next: AtomicUsize::new(0),
            _stop: Vec::with_capacity(count),
        };
        for number in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .build()?;
            let (stop, stopped) = oneshot::channel();
            workers.handles.push(runtime.handle().clone());
            workers._stop.push(stop);
            thread::Builder::new()
                .name(format!("weir-session-{number}"))
                .spawn(move || {
                    if io_uring {
                        drive_ring(&runtime);
                    }
                    // Nothing is ever sent: it ends when the other side is gone.
                    runtime.block_on(stopped).ok();
                })?;
        }
        Ok(workers)
    }

    /// The one for the next session: each in turn.
    #[must_use]
    pub fn next(&self) -> Option<&Handle> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles.get(number % self.handles.len().max(1))
    }
}

fn has_ring() -> bool {
    weir_uring::try_out()
        .inspect_err(|error| {
            tracing::info!(%error, "sessions do without io_uring, which takes more CPU");
        })
        .is_ok()
}

/// Gives this thread a ring, which its runtime drives from here on.
fn drive_ring(runtime: &Runtime) {
    let _entered = runtime.enter();
    match weir_uring::start() {
        Ok(driver) => {
            runtime.spawn(driver);
        }
        Err(error) => tracing::warn!(%error, "a thread of sessions does without io_uring"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_ring_each_core_has_a_thread() {
        let cores = thread::available_parallelism().unwrap().get();
        assert_eq!(Workers::start(false).unwrap().handles.len(), cores);
        let with = Workers::start(true).unwrap().handles.len();
        let expected = if has_ring() { cores.div_ceil(2) } else { cores };
        assert_eq!(with, expected);
    }
}
