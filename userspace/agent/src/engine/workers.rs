//! The threads that sessions live on: one for two cores, each with a runtime of its own.
//!
//! Job: a session stays on the thread that it began on, so that none waits for another's lock and a
//! socket's news wakes only the thread that wants it; and what a thread's sessions send leaves
//! together, by io_uring where the kernel has one for us. The fewer the threads the more that is, and
//! the other cores are the agents'. Not its job: what a session does.
//!
//! Known limit: sessions don't move. A statement that takes long to judge keeps others of its thread
//! waiting, though another thread may have nothing to do.

use std::{
    io,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
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
    /// Starts one for two cores; `io_uring` says whether they may use that.
    ///
    /// # Errors
    /// Where a thread or its runtime can't be had.
    pub fn start(io_uring: bool) -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
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

/// Gives this thread a ring, which its runtime drives from here on.
fn drive_ring(runtime: &Runtime) {
    static TOLD: Once = Once::new();
    let _entered = runtime.enter();
    match weir_uring::start() {
        Ok(driver) => {
            runtime.spawn(driver);
        }
        // It is the same for all threads.
        Err(error) => TOLD.call_once(|| {
            tracing::info!(%error, "sessions do without io_uring, which takes more CPU");
        }),
    }
}
