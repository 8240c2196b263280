//! Ctrl-C and its like: noted, so that the demo can take down what it put up before it ends.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};
use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static ASKED: AtomicBool = AtomicBool::new(false);
static DEAF: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_signal: c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// From here on a signal that asks for an end is only noted.
pub(crate) fn watch() -> Result<()> {
    let noted = SigAction::new(
        SigHandler::Handler(note),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler does nothing but store to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &noted) }.with_context(|| format!("cannot handle {signal}"))?;
    }
    Ok(())
}

/// The end has begun, and asking for it again must not cut it short.
pub(crate) fn turn_deaf() {
    DEAF.store(true, Ordering::Relaxed);
}

/// Whether an end was asked for that has not begun.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed) && !DEAF.load(Ordering::Relaxed)
}

/// An error if an end was asked for that has not begun.
pub(crate) fn check() -> Result<()> {
    if asked() {
        bail!("interrupted");
    }
    Ok(())
}
