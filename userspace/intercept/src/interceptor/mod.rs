//! The engine: programs loaded, listeners bound, cgroups behind it.

mod lift;
mod start;
mod tag;

use std::{
    collections::BTreeMap,
    fmt,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aya::Ebpf;

pub use lift::uninstall;

use crate::{
    AcceptError, CgroupId, Datagram, Facts, InterceptError, Intercepted, Namespace, NetnsCookie,
    OrigDst, Refusals, Status, Tier,
    attribute::{Attribution, Caller},
    cgroup, datagrams,
    engine::Home,
    kernel::{family::FamilyHook, maps::Maps, programs, trace::Trace},
    listen::Listeners,
    pins::PinDir,
    watch::Watch,
};

/// What an engine is started with.
#[derive(Debug, Default)]
pub struct Options {
    /// Where programs and maps are pinned: a directory of its own on a bpffs, such as
    /// `/sys/fs/bpf/weir/<instance>`. Its last part names the instance.
    pub pin_dir: PathBuf,
    /// The listeners of an earlier engine on the same pins, as its
    /// [`Interceptor::listeners`] gave them. Empty: new ones are bound.
    pub inherited: Vec<OwnedFd>,
}

/// A running engine. Dropping it leaves the pinned programs where they are, so that what the tagged
/// cgroups dial fails until an engine is started on the same pins; [`remove`](Self::remove) lifts
/// them.
pub struct Interceptor {
    listeners: Listeners,
    namespace: Namespace,
    maps: Arc<Maps>,
    /// Finds and serves the other namespaces that workloads are in.
    watch: Watch,
    refusals: Mutex<Option<Refusals>>,
    /// Datagrams that came from nobody the programs had noted.
    strays: AtomicU64,
    /// Never held across an await, and not needed to accept.
    control: Mutex<Control>,
    tier: Tier,
    home: Home,
    _trace: Option<Trace>,
    /// Last: the lock is let go when all else is.
    pins: PinDir,
}

/// What tagging changes.
struct Control {
    ebpf: Ebpf,
    /// Where this kernel takes it.
    family: Option<FamilyHook>,
    tagged: Tagged,
}

/// The cgroups behind an engine, each with its level below the v2 root.
type Tagged = BTreeMap<CgroupId, u32>;

/// A bit for each level at which a workload lies.
fn levels(tagged: &Tagged) -> u32 {
    tagged.values().fold(0, |levels, level| {
        levels | 1u32.checked_shl(*level).unwrap_or_default()
    })
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
        let (io, peer, namespace) = tokio::select! {
            accepted = self.listeners.accept() => {
                accepted.map(|(io, peer)| (io, peer, self.namespace.clone()))
            }
            accepted = self.watch.arrivals().connection() => accepted,
        }?;
        // No await from here on: a connection once taken is handed on or dropped.
        let raw = self.maps.facts_on(&io).map_err(|error| {
            tracing::debug!(%peer, %error, "no facts on an accepted connection");
            AcceptError::Unattributed { peer }
        })?;
        let facts = Facts::from(&raw);
        let caller = Caller::told(self.maps.take_process(&raw));
        Ok(Intercepted {
            io,
            peer,
            orig_dst: OrigDst::new((raw.address.to_ip(), raw.port).into()),
            cookie: facts.cookie,
            facts,
            caller,
            namespace,
        })
    }

    /// Waits for the next datagram that a workload sent to a resolver or a
    /// [declared target](Self::set_datagram_targets). One that comes from anyone
    /// else is dropped and counted in [`Status::strays`]. After [`AcceptError::TooLong`] that datagram
    /// has been dropped; tell of it and go on. May be called from several tasks; cancelling it loses
    /// nothing.
    pub async fn datagram(&self) -> Result<Datagram, AcceptError> {
        loop {
            let (arrived, namespace) = tokio::select! {
                arrived = self.listeners.datagrams().next() => {
                    arrived.map(|arrived| (arrived, self.namespace.clone()))
                }
                arrived = self.watch.arrivals().question() => arrived,
            }?;
            // No await from here on: a datagram once read is handed on or dropped.
            if let Some(datagram) =
                datagrams::attribute(&self.maps, self.tier, &namespace, arrived)?
            {
                return Ok(datagram);
            }
            self.strays.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The stream of what the kernel refused. There is one: `None` the second time.
    pub fn take_refusals(&self) -> Option<Refusals> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.take()
    }

    /// The listeners once more, to hand over to the next engine as [`Options::inherited`]: as long as
    /// someone holds them, who connects is not refused but waits. Empty if there are no descriptors
    /// left for them.
    pub fn listeners(&self) -> Vec<OwnedFd> {
        self.listeners
            .duplicates()
            .inspect_err(|error| tracing::warn!(%error, "the listeners can't be handed over"))
            .unwrap_or_default()
    }

    /// What stands.
    pub fn status(&self) -> Status {
        Status {
            instance: self.pins.instance().to_owned(),
            port: self.listeners.port(),
            tagged: self
                .control()
                .tagged
                .keys()
                .map(|id| (*id, cgroup::path_of(*id)))
                .collect(),
            programs: programs::WORKLOAD.to_vec(),
            tier: self.tier,
            attribution: Attribution::here(),
            namespaces: self.served(),
            strays: self.strays.load(Ordering::Relaxed),
        }
    }

    fn served(&self) -> Vec<NetnsCookie> {
        let all = self.maps.served().into_iter().map(NetnsCookie::new);
        all.filter(|one| *one != self.namespace.cookie()).collect()
    }

    /// Whoever panicked with it left the map of tagged cgroups whole: it is changed last.
    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
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
