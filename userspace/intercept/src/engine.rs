//! The engine's own cgroup. It must not be one that is tagged, nor the root: the program that picks
//! up facts is attached to it, and at the root it would run for every socket of the host.

use crate::{InterceptError, Pid, cgroup::Cgroup};

/// Where engines live that were started outside any cgroup of their own, below the v2 root.
pub(crate) const ENGINES: &str = "/weir.engine";

/// The cgroup this process is in while it is an engine.
#[derive(Debug)]
pub(crate) struct Home {
    cgroup: Cgroup,
    /// Where the process was before, if it was moved.
    came_from: Option<Cgroup>,
}

impl Home {
    /// Stays in the cgroup that the process is in, as a service manager's child does; moves to
    /// one of its own from the root.
    pub(crate) fn enter(instance: &str) -> Result<Self, InterceptError> {
        let current = Cgroup::current()?;
        if !current.is_root()? {
            return Ok(Self {
                cgroup: current,
                came_from: None,
            });
        }
        let cgroup = Cgroup::resolve(format!("{ENGINES}/{instance}"))?;
        // An engine that leaves may remove what homes are in at this very moment: once more then.
        cgroup.create().or_else(|_| cgroup.create())?;
        cgroup.add(Pid::new(std::process::id()))?;
        Ok(Self {
            cgroup,
            came_from: Some(current),
        })
    }

    pub(crate) fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// Goes back to where the process was. The cgroup is removed if nothing else is in it.
    pub(crate) fn leave(self) {
        let Some(came_from) = self.came_from else {
            return;
        };
        let left = came_from
            .add(Pid::new(std::process::id()))
            .and_then(|()| self.cgroup.remove())
            .and_then(|()| remove_if_last());
        if let Err(error) = left {
            tracing::debug!(%error, "the engine's cgroup stays");
        }
    }
}

/// Removes the home that a dead engine of this instance had made, if nothing lives in it.
pub(crate) fn clear(instance: &str) -> Result<(), InterceptError> {
    let home = Cgroup::resolve(format!("{ENGINES}/{instance}"))?;
    if home.path().exists() && !home.populated()? {
        home.remove()?;
        remove_if_last()?;
    }
    Ok(())
}

/// Removes what engines' homes are in, unless another engine has one there.
fn remove_if_last() -> Result<(), InterceptError> {
    let engines = Cgroup::resolve(ENGINES)?;
    if crate::pins::entries(engines.path())
        .iter()
        .any(|path| path.is_dir())
    {
        return Ok(());
    }
    engines.remove()
}
