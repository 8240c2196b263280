//! The maps that userspace reads and writes, each by its own type.

use std::{net::IpAddr, os::fd::AsRawFd};

use aya::{
    Ebpf,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, RingBuf, SkStorage},
};
use weir_abi::{Address, ConnectFacts, SETTINGS_INDEX, Settings, maps};

use crate::{CgroupId, InterceptError};

/// The engine's maps, taken out of the object.
pub(crate) struct Maps {
    settings: Array<MapData, Settings>,
    workloads: HashMap<MapData, u64, u8>,
    resolvers: HashMap<MapData, Address, u8>,
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
            settings: take(ebpf, maps::SETTINGS)?,
            workloads: take(ebpf, maps::WORKLOADS)?,
            resolvers: take(ebpf, maps::RESOLVERS)?,
            accepted: take(ebpf, maps::ACCEPTED)?,
        })
    }

    /// What the programs are told. The element is wider than one atomic store, so it passes through
    /// all zero, which refuses everything: no connect sees half of the old and half of the new.
    pub(crate) fn set(&mut self, settings: Settings) -> Result<(), InterceptError> {
        for value in [Settings::default(), settings] {
            self.settings
                .set(SETTINGS_INDEX, value, 0)
                .map_err(failed(maps::SETTINGS))?;
        }
        Ok(())
    }

    /// The version of the engine that wrote the settings; 0 if none has.
    pub(crate) fn abi(&self) -> Result<u32, InterceptError> {
        self.settings
            .get(&SETTINGS_INDEX, 0)
            .map(|settings| settings.abi)
            .map_err(failed(maps::SETTINGS))
    }

    /// Makes these, and no others, the resolvers that may be reached.
    pub(crate) fn set_resolvers(&mut self, resolvers: &[IpAddr]) -> Result<(), InterceptError> {
        let wanted: Vec<Address> = resolvers.iter().copied().map(Address::from).collect();
        let present: Vec<Address> = self.resolvers.keys().filter_map(Result::ok).collect();
        for gone in present.iter().filter(|address| !wanted.contains(address)) {
            self.resolvers
                .remove(gone)
                .map_err(failed(maps::RESOLVERS))?;
        }
        for address in wanted {
            self.resolvers
                .insert(address, 1, 0)
                .map_err(failed(maps::RESOLVERS))?;
        }
        Ok(())
    }

    pub(crate) fn add_workload(&mut self, id: CgroupId) -> Result<(), InterceptError> {
        self.workloads
            .insert(id.get(), 1, 0)
            .map_err(failed(maps::WORKLOADS))
    }

    /// Removes a workload; one that is not there is as good.
    pub(crate) fn remove_workload(&mut self, id: CgroupId) -> Result<(), InterceptError> {
        match self.workloads.get(&id.get(), 0) {
            Err(MapError::KeyNotFound) => Ok(()),
            _ => self
                .workloads
                .remove(&id.get())
                .map_err(failed(maps::WORKLOADS)),
        }
    }

    /// Every workload that the programs know.
    pub(crate) fn workloads(&self) -> Vec<CgroupId> {
        self.workloads
            .keys()
            .filter_map(Result::ok)
            .map(CgroupId::new)
            .collect()
    }

    /// What lies on an accepted socket.
    pub(crate) fn facts_on(&self, socket: &impl AsRawFd) -> Result<ConnectFacts, MapError> {
        self.accepted.get(socket, 0)
    }
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
