//! The maps: their names, as they stand in the object and in the pin directory, and their shapes.

use crate::{
    ConnectFacts, DatagramKey, DatagramTargetKey, FlowKey, InboundKey, ProcessFacts, ProcessKey,
    Settings, SourceKey, SourceNote, UnixKey,
};

/// Array of one [`Settings`].
pub const SETTINGS: &str = "SETTINGS";
/// Hash of tagged cgroup id (`u64`) to bits of [`workload`](crate::workload) (`u32`).
pub const WORKLOADS: &str = "WORKLOADS";
/// Hash of network namespace cookie (`u64`) to `u8`, always 1: where the engine listens.
pub const SERVED: &str = "SERVED";
/// Hash of [`InboundKey`] to [`INBOUND_LOOPBACK`](crate::INBOUND_LOOPBACK) or
/// [`INBOUND_ANY`](crate::INBOUND_ANY).
pub const INBOUND: &str = "INBOUND";
/// Hash of [`UnixKey`] to `u8`, always 1: the Unix sockets that a workload may reach.
pub const UNIX: &str = "UNIX";
/// Hash, oldest entries making room, of [`DatagramKey`] to [`ConnectFacts`].
pub const DATAGRAMS: &str = "DATAGRAMS";
/// Hash of [`DatagramTargetKey`] to `u8`, always 1: where workloads may send datagrams.
pub const DATAGRAM_TARGETS: &str = "DATAGRAM_TARGETS";
/// Hash, oldest entries making room, of [`SourceKey`] to [`SourceNote`].
pub const DATAGRAM_SOURCES: &str = "DATAGRAM_SOURCES";
/// Hash, oldest entries making room, of [`ProcessKey`] to [`ProcessFacts`].
pub const PROCESSES: &str = "PROCESSES";
/// Hash of a calling thread's id (`u32`) to the [`ProcessFacts`] that are being gathered of it.
pub const GATHERED: &str = "GATHERED";
/// Socket storage of [`ConnectFacts`] on the client's socket.
pub const PENDING: &str = "PENDING";
/// Hash, oldest entries making room, of [`FlowKey`] to [`ConnectFacts`].
pub const FLOWS: &str = "FLOWS";
/// Socket storage of [`ConnectFacts`] on the engine's accepted socket.
pub const ACCEPTED: &str = "ACCEPTED";
/// Socket storage of the workload's cgroup id (`u64`), zero until it is known, on a workload's socket
/// that came out of a handshake begun by another.
pub const ANSWERS: &str = "ANSWERS";
/// Ring buffer of [`Refusal`](crate::Refusal).
pub const REFUSALS: &str = "REFUSALS";
/// Per-processor array of one `u64`: refusals that found the ring buffer full.
pub const LOST: &str = "LOST";
/// Socket storage of `u64`: when a packet dropped from this socket was last told, boot time in ns.
pub const TOLD: &str = "TOLD";

/// How many cgroups one engine can govern.
pub const MAX_WORKLOADS: usize = 4096;
/// How many network namespaces one engine can listen in.
pub const MAX_SERVED: usize = 4096;
/// How many ports workloads can answer at.
pub const MAX_INBOUND: usize = 4096;
/// How many Unix sockets can be declared.
pub const MAX_UNIX: usize = 4096;
/// How many datagrams can be on their way to the engine at once.
pub const MAX_DATAGRAMS: usize = 8192;
/// How many addresses and ports workloads can send datagrams to.
pub const MAX_DATAGRAM_TARGETS: usize = 4096;
/// How many sources of datagrams to declared targets are known at once.
pub const MAX_DATAGRAM_SOURCES: usize = 16_384;
/// How many connections' callers are remembered until the engine has picked them up.
pub const MAX_PROCESSES: usize = 8192;
/// How many threads can be in a call at once that their process is being looked at for.
pub const MAX_GATHERED: usize = 512;
/// How many handshakes can be under way at once. More push the oldest out: no workload can keep the
/// others from being noted.
pub const MAX_FLOWS: usize = 65_536;
/// The ring buffer's size in bytes: a power of two, a multiple of the page.
pub const REFUSALS_BYTES: usize = 256 * 1024;

/// A map as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// What it is: a number of `enum bpf_map_type`, include/uapi/linux/bpf.h.
    pub kind: u32,
    /// Bytes of a key.
    pub key: usize,
    /// Bytes of a value.
    pub value: usize,
    /// How many entries it has room for.
    pub entries: usize,
}

const HASH: u32 = 1;
const ARRAY: u32 = 2;
const PER_CPU_ARRAY: u32 = 6;
const LRU_HASH: u32 = 9;
const SK_STORAGE: u32 = 24;
const RING_BUFFER: u32 = 27;

const fn shape(name: &'static str, kind: u32, key: usize, value: usize, entries: usize) -> Shape {
    Shape {
        name,
        kind,
        key,
        value,
        entries,
    }
}

/// Every map that is pinned. One found with another shape was pinned by another version.
pub const ALL: [Shape; 17] = [
    shape(SETTINGS, ARRAY, 4, size_of::<Settings>(), 1),
    shape(WORKLOADS, HASH, 8, 4, MAX_WORKLOADS),
    shape(SERVED, HASH, 8, 1, MAX_SERVED),
    shape(INBOUND, HASH, size_of::<InboundKey>(), 1, MAX_INBOUND),
    shape(UNIX, HASH, size_of::<UnixKey>(), 1, MAX_UNIX),
    shape(
        DATAGRAMS,
        LRU_HASH,
        size_of::<DatagramKey>(),
        size_of::<ConnectFacts>(),
        MAX_DATAGRAMS,
    ),
    shape(
        DATAGRAM_TARGETS,
        HASH,
        size_of::<DatagramTargetKey>(),
        1,
        MAX_DATAGRAM_TARGETS,
    ),
    shape(
        DATAGRAM_SOURCES,
        LRU_HASH,
        size_of::<SourceKey>(),
        size_of::<SourceNote>(),
        MAX_DATAGRAM_SOURCES,
    ),
    shape(
        PROCESSES,
        LRU_HASH,
        size_of::<ProcessKey>(),
        size_of::<ProcessFacts>(),
        MAX_PROCESSES,
    ),
    shape(GATHERED, HASH, 4, size_of::<ProcessFacts>(), MAX_GATHERED),
    shape(PENDING, SK_STORAGE, 4, size_of::<ConnectFacts>(), 0),
    shape(
        FLOWS,
        LRU_HASH,
        size_of::<FlowKey>(),
        size_of::<ConnectFacts>(),
        MAX_FLOWS,
    ),
    shape(ACCEPTED, SK_STORAGE, 4, size_of::<ConnectFacts>(), 0),
    shape(ANSWERS, SK_STORAGE, 4, 8, 0),
    shape(REFUSALS, RING_BUFFER, 0, 0, REFUSALS_BYTES),
    shape(LOST, PER_CPU_ARRAY, 4, 8, 1),
    shape(TOLD, SK_STORAGE, 4, 8, 0),
];
