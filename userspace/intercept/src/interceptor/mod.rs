//! The engine: programs loaded, listeners bound, cgroups behind it.

mod lift;
mod start;
mod tag;

use std::{collections::BTreeSet, fmt, net::IpAddr, path::PathBuf};

use aya::Ebpf;

pub use lift::{sweep, uninstall};

use crate::{
    AcceptError, CgroupId, Facts, InterceptError, Intercepted, OrigDst, Refusals, Status, Tier,
    cgroup,
    engine::Home,
    kernel::{maps::Maps, programs, trace::Trace},
    listen::Listeners,
    pins::PinDir,
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
pub struct Interceptor {
    listeners: Listeners,
    maps: Maps,
    refusals: Option<Refusals>,
    ebpf: Ebpf,
    tagged: BTreeSet<CgroupId>,
    tier: Tier,
    home: Home,
    _trace: Option<Trace>,
    /// Last: the lock is let go when all else is.
    pins: PinDir,
}

impl fmt::Debug for Interceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interceptor")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Interceptor {
    /// Waits for the next connection. After [`AcceptError::Unattributed`] that connection has been
    /// dropped; log it and go on. May be called from several tasks; cancelling it loses nothing.
    pub async fn accept(&self) -> Result<Intercepted, AcceptError> {
        let (io, peer) = self.listeners.accept().await?;
        // No await from here on: a connection once taken is handed on or dropped.
        let raw = self.maps.facts_on(&io).map_err(|error| {
            tracing::debug!(%peer, %error, "no facts on an accepted connection");
            AcceptError::Unattributed { peer }
        })?;
        let facts = Facts::from(&raw);
        Ok(Intercepted {
            io,
            orig_dst: OrigDst::new((raw.address.to_ip(), raw.port).into()),
            cookie: facts.cookie,
            facts,
        })
    }

    /// The stream of what the kernel refused. There is one: `None` the second time.
    pub fn take_refusals(&mut self) -> Option<Refusals> {
        self.refusals.take()
    }

    /// What stands.
    pub fn status(&self) -> Status {
        Status {
            instance: self.pins.instance().to_owned(),
            port: self.listeners.port(),
            tagged: self
                .tagged
                .iter()
                .map(|id| (*id, cgroup::path_of(*id)))
                .collect(),
            programs: programs::WORKLOAD.to_vec(),
            tier: self.tier,
        }
    }

    /// Lifts enforcement: detaches the programs from every tagged cgroup, unpins all, and moves
    /// the process back if it had been moved. Says what it did.
    pub fn remove(self) -> Result<Vec<String>, InterceptError> {
        let Self { pins, home, .. } = self;
        let done = pins.remove()?;
        home.leave();
        Ok(done)
    }
}
