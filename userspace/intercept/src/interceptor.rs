//! The engine: programs loaded, listeners bound, cgroups behind it.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::{
    AcceptError, CgroupId, InterceptError, Intercepted, Refusals, Status, cgroup::Cgroup,
};

/// What an engine is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The resolvers that a workload may ask directly, at port 53.
    pub resolvers: Vec<IpAddr>,
    /// Where programs and maps are pinned: a directory of its own on a bpffs, such as
    /// `/sys/fs/bpf/weir/<instance>`. Its last part names the instance.
    pub pin_dir: PathBuf,
}

/// A running engine. Dropping it leaves the pinned programs where they are, so that what the tagged
/// cgroups dial fails until an engine is started on the same pins; [`remove`](Self::remove) lifts
/// them.
#[derive(Debug)]
pub struct Interceptor(());

impl Interceptor {
    /// Mounts bpffs if needed, moves the process out of the v2 root cgroup, binds the listeners,
    /// loads and pins the programs, and takes over what an earlier engine pinned here. Call it
    /// inside a tokio runtime.
    pub fn start(_options: &Options) -> Result<Self, InterceptError> {
        Err(InterceptError::NotPrivileged)
    }

    /// Puts a cgroup and all below it behind the engine.
    pub fn tag(&mut self, _cgroup: &Cgroup) -> Result<CgroupId, InterceptError> {
        Err(InterceptError::NotPrivileged)
    }

    /// Lets a cgroup go.
    pub fn untag(&mut self, _id: CgroupId) -> Result<(), InterceptError> {
        Err(InterceptError::NotPrivileged)
    }

    /// Waits for the next connection. After [`AcceptError::Unattributed`] that connection has been
    /// dropped; log it and go on.
    pub async fn accept(&self) -> Result<Intercepted, AcceptError> {
        std::future::pending().await
    }

    /// The stream of what the kernel refused. There is one: `None` the second time.
    pub fn take_refusals(&mut self) -> Option<Refusals> {
        None
    }

    /// What stands.
    pub fn status(&self) -> Status {
        Status {
            instance: String::new(),
            port: 0,
            tagged: Vec::new(),
            programs: Vec::new(),
            tier: crate::Tier::None,
        }
    }

    /// Lifts enforcement: detaches the programs from every tagged cgroup and unpins all.
    pub fn remove(self) -> Result<(), InterceptError> {
        Ok(())
    }
}

/// Removes what a dead engine left pinned in `pin_dir`, and so lifts its enforcement. Says what it
/// removed. Refused while an engine lives there.
pub fn uninstall(_pin_dir: &Path) -> Result<Vec<String>, InterceptError> {
    Ok(Vec::new())
}

/// Removes the instances below `base` whose engine is dead and whose cgroups are gone or empty.
/// Says which.
pub fn sweep(_base: &Path) -> Result<Vec<String>, InterceptError> {
    Ok(Vec::new())
}
