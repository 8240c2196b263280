//! The threads that sessions live on: one a core, each with a runtime of its own.
//!
//! Job: a session stays on the thread that it began on, so that none waits for another's lock and a
//! socket's news wakes only the thread that wants it. Not its job: what a session does.
//!
//! Known limit: sessions don't move. A statement that takes long to judge keeps others of its thread
//! waiting, though another thread may have nothing to do.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The threads. They end when this is dropped, and with them what still runs there.
#[derive(Debug)]
pub(super) struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    /// Whoever waits for one of them ends when it is dropped.
    _stop: Vec<oneshot::Sender<()>>,
}

impl Workers {
    /// Starts one a core.
    pub(super) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
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
                    // Nothing is ever sent: it ends when the other side is gone.
                    runtime.block_on(stopped).ok();
                })?;
        }
        Ok(workers)
    }

    /// The one for the next session: each in turn.
    pub(super) fn next(&self) -> Option<&Handle> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles.get(number % self.handles.len().max(1))
    }
}
