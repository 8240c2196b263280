//! Lifting what engines left that are gone.

use std::path::Path;

use crate::{
    InterceptError,
    cgroup::{self, Cgroup},
    engine,
    pins::{self, PinDir},
};

/// Removes what a dead engine left pinned in `pin_dir`, and so lifts its enforcement. Says what it
/// removed. [`InterceptError::InUse`] while an engine lives there.
pub fn uninstall(pin_dir: &Path) -> Result<Vec<String>, InterceptError> {
    PinDir::of_the_dead(pin_dir)?.remove()
}

/// Removes the instances below `base` whose engine is dead and whose cgroups are gone or empty, and
/// the cgroups that engines lived in. Says what it removed. A cgroup in which a process lives stays
/// governed, whatever became of its engine.
pub fn sweep(base: &Path) -> Result<Vec<String>, InterceptError> {
    let mut swept = Vec::new();
    for pin_dir in pins::entries(base) {
        match PinDir::of_the_dead(&pin_dir) {
            Ok(pins) if pins.tagged().into_iter().all(is_empty) => swept.extend(pins.remove()?),
            // Lived in or alive: not ours to remove.
            Ok(_) | Err(InterceptError::InUse { .. } | InterceptError::PinDir { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    swept.extend(engine::sweep()?);
    Ok(swept)
}

fn is_empty(id: crate::CgroupId) -> bool {
    let Some(path) = cgroup::path_of(id) else {
        return true;
    };
    // What can't be told is taken for lived in.
    Cgroup::resolve(path)
        .and_then(|cgroup| cgroup.populated())
        .is_ok_and(|populated| !populated)
}
