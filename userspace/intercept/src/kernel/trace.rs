//! The programs' own debug lines, for whoever hunts a connection that went missing:
//! `RUST_LOG=weir_intercept::kernel=debug`. Without it the lines are cut out when the programs are
//! loaded and cost nothing.

use std::os::fd::AsFd as _;

use aya::Ebpf;
use aya_log::{EbpfLogger, Level};
use log::{Log, Metadata, Record};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::JoinHandle,
};

const TARGET: &str = "weir_intercept::kernel";

/// The most verbose level that the programs are to be loaded with; 0 is silence.
pub(super) fn level() -> u8 {
    if wanted() { Level::Debug as u8 } else { 0 }
}

fn wanted() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// Reads the lines until dropped.
pub(crate) struct Trace(JoinHandle<()>);

impl Drop for Trace {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Trace {
    /// Begins to read, if anyone listens. Losing these lines loses no decision, so that they can't
    /// be had is only said.
    pub(crate) fn start(ebpf: &mut Ebpf) -> Option<Self> {
        if !wanted() {
            return None;
        }
        let logger = EbpfLogger::init_with_logger(ebpf, ToTracing)
            .inspect_err(|error| tracing::warn!(%error, "no debug lines from the programs"))
            .ok()?;
        // SAFETY: the descriptor is the ring buffer map's, which the logger owns and never replaces.
        let mut logger = unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) }
            .inspect_err(|error| tracing::warn!(%error, "no debug lines from the programs"))
            .ok()?;
        tracing::debug!(target: TARGET, fd = ?logger.as_fd(), "reading the programs' debug lines");
        Some(Self(tokio::spawn(async move {
            while let Ok(mut ready) = logger.readable_mut().await {
                ready.get_inner_mut().flush();
                ready.clear_ready();
            }
        })))
    }
}

/// Hands the lines to whoever listens to this process's own.
struct ToTracing;

impl Log for ToTracing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        tracing::debug!(target: TARGET, "{}", record.args());
    }

    fn flush(&self) {}
}
