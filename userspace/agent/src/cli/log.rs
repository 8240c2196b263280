//! Where the engine's own log goes: standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

/// The variable that sets what is logged.
const VARIABLE: &str = "WEIR_LOG";

/// Starts to log what `WEIR_LOG` asks for, or else this much. A second call changes nothing.
pub(super) fn start(usual: &str) {
    let asked = std::env::var(VARIABLE).ok();
    let filter = EnvFilter::new(asked.as_deref().unwrap_or(usual));
    let plain = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    let log = fmt()
        .with_env_filter(filter)
        .with_ansi(!plain)
        .with_writer(std::io::stderr);
    // The journal keeps the time itself.
    let started = if std::env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().try_init()
    } else {
        log.try_init()
    };
    drop(started);
}
