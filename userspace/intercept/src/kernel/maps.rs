//! The maps that userspace reads and writes, each by its own type. All of it by `&self`, from any
//! thread at once; who may write what when is `interceptor`'s to say.

use std::{
    collections::{BTreeSet, HashSet},
    net::SocketAddr,
    os::fd::AsRawFd,
    path::Path,
};

use aya::{
    Ebpf,
    maps::{Map, MapData, MapError, PerCpuArray, RingBuf, SkStorage},
};
use weir_abi::{
    ABI_VERSION, ConnectFacts, DatagramKey, DatagramTargetKey, INBOUND_ANY, INBOUND_LOOPBACK,
    InboundKey, ProcessFacts, ProcessKey, SETTINGS_INDEX, Settings, SourceKey, SourceNote,
    UNIX_PATH, UnixKey, maps, workload,
};

use super::table::Table;
use crate::{
    CgroupId, InterceptError,
    rules::{InboundFrom, Rules, UnixRule},
};

/// The engine's maps, taken out of the object.
pub(crate) struct Maps {
    settings: Table<u32, Settings>,
    workloads: Table<u64, u32>,
    served: Table<u64, u8>,
    inbound: Table<InboundKey, u8>,
    // The object leaves a map out that none of its programs use.
    unix: Option<Table<UnixKey, u8>>,
    datagrams: Table<DatagramKey, ConnectFacts>,
    targets: Table<DatagramTargetKey, u8>,
    sources: Table<SourceKey, SourceNote>,
    processes: Table<ProcessKey, ProcessFacts>,
    accepted: SkStorage<MapData, ConnectFacts>,
}

/// What the refusals' reader needs.
pub(crate) struct RefusalMaps {
    pub(crate) events: RingBuf<MapData>,
    pub(crate) lost: PerCpuArray<MapData, u64>,
}

impl Maps {
    pub(crate) fn take(ebpf: &mut Ebpf) -> Result<Self, InterceptError> {
        Ok(Self {
            settings: Table::take(ebpf, maps::SETTINGS)?,
            workloads: Table::take(ebpf, maps::WORKLOADS)?,
            served: Table::take(ebpf, maps::SERVED)?,
            inbound: Table::take(ebpf, maps::INBOUND)?,
            unix: Table::find(ebpf, maps::UNIX),
            datagrams: Table::take(ebpf, maps::DATAGRAMS)?,
            targets: Table::take(ebpf, maps::DATAGRAM_TARGETS)?,
            sources: Table::take(ebpf, maps::DATAGRAM_SOURCES)?,
            processes: Table::take(ebpf, maps::PROCESSES)?,
            accepted: take(ebpf, maps::ACCEPTED)?,
        })
    }

    /// The settings as they stand.
    pub(crate) fn settings(&self) -> Result<Settings, InterceptError> {
        Ok(self.settings.get(SETTINGS_INDEX)?.unwrap_or_default())
    }

    /// Names the engine's port. From one port to another it passes through none, at which everything
    /// is refused: a connect that sees half of each is sent to a port that egress lets nobody reach.
    pub(crate) fn set_port(&self, port: u16) -> Result<(), InterceptError> {
        let now = self.settings()?;
        let through = (now.port != port).then_some(0);
        for port in through.into_iter().chain([port]) {
            let settings = Settings {
                abi: ABI_VERSION,
                port,
                ..now
            };
            self.settings.insert(SETTINGS_INDEX, settings)?;
        }
        Ok(())
    }

    /// Says at which levels workloads lie. The rest of the settings is written over by what it is,
    /// and one bit changes at a time: there is no half to be seen.
    pub(crate) fn set_levels(&self, levels: u32) -> Result<(), InterceptError> {
        let mut now = self.settings()?;
        for bit in (0..u32::BITS).map(|level| 1 << level) {
            if (now.levels ^ levels) & bit != 0 {
                now.levels ^= bit;
                self.settings.insert(SETTINGS_INDEX, now)?;
            }
        }
        Ok(())
    }

    /// Tells the programs of a workload, and what holds for it. What it may do is known before it
    /// is one.
    pub(crate) fn add_workload(&self, id: CgroupId, rules: &Rules) -> Result<(), InterceptError> {
        self.set_inbound(id, rules)?;
        let mut flags = workload::TAGGED;
        if let UnixRule::Only(paths) = &rules.unix {
            flags |= workload::UNIX_DECLARED;
            self.set_unix(
                id,
                paths.iter().map(|path| path.as_os_str().as_encoded_bytes()),
            )?;
        }
        self.workloads.insert(id.get(), flags)
    }

    /// Forgets a workload, then what held for it.
    pub(crate) fn remove_workload(&self, id: CgroupId) -> Result<(), InterceptError> {
        self.workloads.remove(id.get())?;
        self.set_datagram_targets(id, &BTreeSet::new())?;
        self.set_inbound(id, &Rules::default())?;
        self.set_unix(id, std::iter::empty())
    }

    /// Every workload that the programs know.
    pub(crate) fn workloads(&self) -> Vec<CgroupId> {
        self.workloads
            .keys()
            .into_iter()
            .map(CgroupId::new)
            .collect()
    }

    /// Makes these, and no others, the ports at which a workload answers.
    fn set_inbound(&self, id: CgroupId, rules: &Rules) -> Result<(), InterceptError> {
        let key = |port| InboundKey {
            workload: id.get(),
            port,
            padding: [0; 6],
        };
        for stale in self.inbound.keys().into_iter().filter(|key| {
            key.workload == id.get() && rules.inbound.iter().all(|one| one.port != key.port)
        }) {
            self.inbound.remove(stale)?;
        }
        for one in &rules.inbound {
            let from = match one.from {
                InboundFrom::Loopback => INBOUND_LOOPBACK,
                InboundFrom::Anywhere => INBOUND_ANY,
            };
            self.inbound.insert(key(one.port), from)?;
        }
        Ok(())
    }

    /// Makes these, and no others, the Unix sockets that a workload may reach.
    fn set_unix<'a>(
        &self,
        id: CgroupId,
        paths: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), InterceptError> {
        let Some(table) = &self.unix else {
            return Ok(());
        };
        let wanted: Vec<UnixKey> = paths.filter_map(|path| unix_key(id, path)).collect();
        for stale in table
            .keys()
            .into_iter()
            .filter(|key| key.workload == id.get() && !wanted.contains(key))
        {
            table.remove(stale)?;
        }
        for key in wanted {
            table.insert(key, 1)?;
        }
        Ok(())
    }

    /// Makes these, and no others, the targets to which a workload may send datagrams.
    pub(crate) fn set_datagram_targets(
        &self,
        id: CgroupId,
        targets: &BTreeSet<SocketAddr>,
    ) -> Result<(), InterceptError> {
        let wanted: HashSet<DatagramTargetKey> = targets
            .iter()
            .map(|target| DatagramTargetKey {
                workload: id.get(),
                address: target.ip().into(),
                port: target.port(),
                padding: [0; 6],
            })
            .collect();
        let known: HashSet<_> = self.targets.keys().into_iter().collect();
        for new in wanted.difference(&known) {
            self.targets.insert(*new, 1)?;
        }
        for stale in known.difference(&wanted) {
            if stale.workload == id.get() {
                self.targets.remove(*stale)?;
            }
        }
        Ok(())
    }

    /// Forgets the targets of whatever is no workload.
    pub(crate) fn forget_strays(&self) -> Result<(), InterceptError> {
        let workloads = self.workloads();
        for stray in self.targets.keys() {
            if !workloads.contains(&CgroupId::new(stray.workload)) {
                self.targets.remove(stray)?;
            }
        }
        Ok(())
    }

    /// Says that the engine listens in the network namespace of this cookie.
    pub(crate) fn serve(&self, cookie: u64) -> Result<(), InterceptError> {
        self.served.insert(cookie, 1)
    }

    /// The reverse of [`serve`](Self::serve).
    pub(crate) fn unserve(&self, cookie: u64) -> Result<(), InterceptError> {
        self.served.remove(cookie)
    }

    /// Every network namespace that is served, by its cookie.
    pub(crate) fn served(&self) -> Vec<u64> {
        self.served.keys()
    }

    /// What lies on an accepted socket.
    pub(crate) fn facts_on(&self, socket: &impl AsRawFd) -> Result<ConnectFacts, MapError> {
        self.accepted.get(socket, 0)
    }

    /// What was noted of the process behind a call; `None` if nothing was, or it had to make room.
    pub(crate) fn process(
        &self,
        facts: &ConnectFacts,
    ) -> Result<Option<ProcessFacts>, InterceptError> {
        let key = ProcessKey::of(facts);
        let found = self.processes.get(key)?;
        // An entry that makes room for another's while it is copied gives some of both. It is then
        // under its old key no more, and never will be again.
        Ok(found.filter(|_| matches!(self.processes.get(key), Ok(again) if again == found)))
    }

    /// The same, and forgets it.
    pub(crate) fn take_process(
        &self,
        facts: &ConnectFacts,
    ) -> Result<Option<ProcessFacts>, InterceptError> {
        let found = self.process(facts)?;
        if found.is_some() {
            self.processes.remove(ProcessKey::of(facts))?;
        }
        Ok(found)
    }

    /// Whose the datagrams of a source are.
    pub(crate) fn source(&self, key: SourceKey) -> Result<Option<SourceNote>, InterceptError> {
        let found = self.sources.get(key)?;
        // As with processes; only the time of the last one goes on.
        Ok(found.filter(|one| {
            matches!(self.sources.get(key), Ok(Some(again))
                if (again.facts, again.since_ns) == (one.facts, one.since_ns))
        }))
    }

    /// Takes out what was noted of a question.
    pub(crate) fn take_datagram(
        &self,
        key: DatagramKey,
    ) -> Result<Option<ConnectFacts>, InterceptError> {
        self.datagrams.remove_and_get(key)
    }
}

/// Makes a workload none in the eyes of the programs of a dead engine, whose maps are pinned in `dir`.
pub(crate) fn forget(dir: &Path, id: CgroupId) -> Result<(), InterceptError> {
    Table::<u64, u32>::pinned(dir, maps::WORKLOADS)?.remove(id.get())
}

/// `None` for a path that no Unix socket can have.
fn unix_key(id: CgroupId, path: &[u8]) -> Option<UnixKey> {
    let mut padded = [0; UNIX_PATH];
    padded.get_mut(..path.len())?.copy_from_slice(path);
    Some(UnixKey {
        workload: id.get(),
        path: padded,
        padding: 0,
    })
}

impl RefusalMaps {
    pub(crate) fn take(ebpf: &mut Ebpf) -> Result<Self, InterceptError> {
        Ok(Self {
            events: take(ebpf, maps::REFUSALS)?,
            lost: take(ebpf, maps::LOST)?,
        })
    }
}

fn take<T: TryFrom<Map, Error = MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<T, InterceptError> {
    let map = ebpf
        .take_map(name)
        .ok_or(InterceptError::ObjectLacks(name))?;
    T::try_from(map).map_err(failed(name))
}

pub(crate) fn failed(map: &'static str) -> impl FnOnce(MapError) -> InterceptError {
    move |source| InterceptError::Map {
        map,
        source: Box::new(source),
    }
}
