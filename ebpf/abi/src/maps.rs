//! The maps' names, as they stand in the object and in the pin directory, and their sizes.

/// Array of one [`Settings`](crate::Settings).
pub const SETTINGS: &str = "SETTINGS";
/// Hash of tagged cgroup id (`u64`) to `u8`, always 1.
pub const WORKLOADS: &str = "WORKLOADS";
/// Hash of [`Address`](crate::Address) to `u8`, always 1: the resolvers that port 53 may reach.
pub const RESOLVERS: &str = "RESOLVERS";
/// Socket storage of [`ConnectFacts`](crate::ConnectFacts) on the client's socket.
pub const PENDING: &str = "PENDING";
/// Hash of [`FlowKey`](crate::FlowKey) to [`ConnectFacts`](crate::ConnectFacts).
pub const FLOWS: &str = "FLOWS";
/// Socket storage of [`ConnectFacts`](crate::ConnectFacts) on the engine's accepted socket.
pub const ACCEPTED: &str = "ACCEPTED";
/// Ring buffer of [`Refusal`](crate::Refusal).
pub const REFUSALS: &str = "REFUSALS";
/// Array of one `u64`: refusals that found the ring buffer full.
pub const LOST: &str = "LOST";
/// Socket storage of `u64`: when a packet dropped from this socket was last told, boot time in ns.
pub const TOLD: &str = "TOLD";

/// Every map that is pinned.
pub const ALL: [&str; 9] = [
    SETTINGS, WORKLOADS, RESOLVERS, PENDING, FLOWS, ACCEPTED, REFUSALS, LOST, TOLD,
];

/// How many cgroups one engine can govern.
pub const MAX_WORKLOADS: usize = 4096;
/// How many resolvers can be named.
pub const MAX_RESOLVERS: usize = 64;
/// How many handshakes can be under way at once.
pub const MAX_FLOWS: usize = 65_536;
/// The ring buffer's size in bytes: a power of two, a multiple of the page.
pub const REFUSALS_BYTES: usize = 256 * 1024;
