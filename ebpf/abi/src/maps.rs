//! The maps: their names, as they stand in the object and in the pin directory, and their shapes.

use crate::{Address, ConnectFacts, FlowKey, Settings};

/// Array of one [`Settings`].
pub const SETTINGS: &str = "SETTINGS";
/// Hash of tagged cgroup id (`u64`) to `u8`, always 1.
pub const WORKLOADS: &str = "WORKLOADS";
/// Hash of [`Address`] to `u8`, always 1: the resolvers that port 53 may reach.
pub const RESOLVERS: &str = "RESOLVERS";
/// Socket storage of [`ConnectFacts`] on the client's socket.
pub const PENDING: &str = "PENDING";
/// Hash of [`FlowKey`] to [`ConnectFacts`].
pub const FLOWS: &str = "FLOWS";
/// Socket storage of [`ConnectFacts`] on the engine's accepted socket.
pub const ACCEPTED: &str = "ACCEPTED";
/// Ring buffer of [`Refusal`](crate::Refusal).
pub const REFUSALS: &str = "REFUSALS";
/// Per-processor array of one `u64`: refusals that found the ring buffer full.
pub const LOST: &str = "LOST";
/// Socket storage of `u64`: when a packet dropped from this socket was last told, boot time in ns.
pub const TOLD: &str = "TOLD";

/// How many cgroups one engine can govern.
pub const MAX_WORKLOADS: usize = 4096;
/// How many resolvers can be named.
pub const MAX_RESOLVERS: usize = 64;
/// How many handshakes can be under way at once.
pub const MAX_FLOWS: usize = 65_536;
/// The ring buffer's size in bytes: a power of two, a multiple of the page.
pub const REFUSALS_BYTES: usize = 256 * 1024;

/// A map as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Bytes of a key.
    pub key: usize,
    /// Bytes of a value.
    pub value: usize,
    /// How many entries it has room for.
    pub entries: usize,
}

const fn shape(name: &'static str, key: usize, value: usize, entries: usize) -> Shape {
    Shape {
        name,
        key,
        value,
        entries,
    }
}

/// Every map that is pinned. One found with another shape was pinned by another version.
pub const ALL: [Shape; 9] = [
    shape(SETTINGS, 4, size_of::<Settings>(), 1),
    shape(WORKLOADS, 8, 1, MAX_WORKLOADS),
    shape(RESOLVERS, size_of::<Address>(), 1, MAX_RESOLVERS),
    shape(PENDING, 4, size_of::<ConnectFacts>(), 0),
    shape(
        FLOWS,
        size_of::<FlowKey>(),
        size_of::<ConnectFacts>(),
        MAX_FLOWS,
    ),
    shape(ACCEPTED, 4, size_of::<ConnectFacts>(), 0),
    shape(REFUSALS, 0, 0, REFUSALS_BYTES),
    shape(LOST, 4, 8, 1),
    shape(TOLD, 4, 8, 0),
];
