//! The maps, named and sized by `weir_abi::maps`.

use aya_ebpf::{
    Global,
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf, SkStorage},
    macros::btf_map,
};
use weir_abi::{
    ConnectFacts, DatagramKey, DatagramTargetKey, FlowKey, InboundKey, Layout, ProcessFacts,
    ProcessKey, Refusal, SETTINGS_INDEX, Settings, SourceKey, SourceNote, UnixKey, UnixLayout,
    maps::{
        MAX_DATAGRAM_SOURCES, MAX_DATAGRAM_TARGETS, MAX_DATAGRAMS, MAX_FLOWS, MAX_GATHERED,
        MAX_INBOUND, MAX_PROCESSES, MAX_SERVED, MAX_UNIX, MAX_WORKLOADS, REFUSALS_BYTES,
    },
};

#[btf_map]
static SETTINGS: Array<Settings, 1> = Array::new();

#[btf_map]
pub static WORKLOADS: HashMap<u64, u32, MAX_WORKLOADS> = HashMap::new();

#[btf_map]
pub static SERVED: HashMap<u64, u8, MAX_SERVED> = HashMap::new();

#[btf_map]
pub static INBOUND: HashMap<InboundKey, u8, MAX_INBOUND> = HashMap::new();

#[btf_map]
pub static UNIX: HashMap<UnixKey, u8, MAX_UNIX> = HashMap::new();

#[btf_map]
pub static DATAGRAMS: LruHashMap<DatagramKey, ConnectFacts, MAX_DATAGRAMS> = LruHashMap::new();

#[btf_map]
pub static DATAGRAM_TARGETS: HashMap<DatagramTargetKey, u8, MAX_DATAGRAM_TARGETS> = HashMap::new();

#[btf_map]
pub static DATAGRAM_SOURCES: LruHashMap<SourceKey, SourceNote, MAX_DATAGRAM_SOURCES> =
    LruHashMap::new();

#[btf_map]
pub static PROCESSES: LruHashMap<ProcessKey, ProcessFacts, MAX_PROCESSES> = LruHashMap::new();

#[btf_map]
pub static GATHERED: HashMap<u32, ProcessFacts, MAX_GATHERED> = HashMap::new();

#[btf_map]
pub static PENDING: SkStorage<ConnectFacts> = SkStorage::new();

#[btf_map]
pub static FLOWS: LruHashMap<FlowKey, ConnectFacts, MAX_FLOWS> = LruHashMap::new();

#[btf_map]
pub static ACCEPTED: SkStorage<ConnectFacts> = SkStorage::new();

#[btf_map]
pub static ANSWERS: SkStorage<u64> = SkStorage::new();

#[btf_map]
pub static REFUSALS: RingBuf<Refusal, REFUSALS_BYTES> = RingBuf::new();

#[btf_map]
pub static LOST: PerCpuArray<u64, 1> = PerCpuArray::new();

#[btf_map]
pub static TOLD: SkStorage<u64> = SkStorage::new();

/// Whether `sock_ops` may ask for the network namespace's cookie (5.15 and later). The loader sets
/// it to zero where the verifier would refuse; the branch is then dead and pruned.
#[unsafe(no_mangle)]
pub static NETNS_IN_SOCK_OPS: Global<u32> = Global::new(1);

/// Whether [`setsockopt`](crate::setsockopt) may ask who calls: told by the loader in the same manner.
#[unsafe(no_mangle)]
pub static CALLER_IN_SETSOCKOPT: Global<u32> = Global::new(1);

/// Where this kernel keeps what a process is known by, as the loader found it. Its fields are read by
/// [`process`](crate::process) through volatile loads, one by one: so the compiler does not believe
/// what stands here, and the verifier knows each as a constant.
#[unsafe(no_mangle)]
pub static LAYOUT: Layout = Layout::UNKNOWN;

/// Where this kernel keeps what [`unix`](crate::unix) looks at, in the same manner.
#[unsafe(no_mangle)]
pub static UNIX_LAYOUT: UnixLayout = UnixLayout::UNKNOWN;

/// The settings. Zero port: no engine has listened yet.
#[inline(always)]
pub fn settings() -> Settings {
    SETTINGS.get(SETTINGS_INDEX).copied().unwrap_or_default()
}
