//! Runtimes: a small one to ask, a full one to serve.

use tokio::runtime::{Builder, Runtime};

use super::error::CliError;

/// One thread, for a question or two.
pub(super) fn small() -> Result<Runtime, CliError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}

/// A thread a core.
pub(super) fn full() -> Result<Runtime, CliError> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}
