//! Lifting what an engine left that is gone.

use std::path::Path;

use crate::{InterceptError, engine, pins::PinDir};

/// Removes what a dead engine left pinned in `pin_dir`, and so lifts its enforcement: whatever lives
/// in its cgroups is free. Says what it removed. [`InterceptError::InUse`] while an engine lives there.
pub fn uninstall(pin_dir: &Path) -> Result<Vec<String>, InterceptError> {
    let pins = PinDir::of_the_dead(pin_dir)?;
    let instance = pins.instance().to_owned();
    let done = pins.remove()?;
    if let Err(error) = engine::clear(&instance) {
        tracing::debug!(%error, "the dead engine's cgroup stays");
    }
    Ok(done)
}
