//! What things are looked up by, beside a connection's [`FlowKey`](crate::FlowKey).

use crate::Address;

/// A datagram on its way to the engine, as both ends can name it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DatagramKey {
    /// The network namespace's cookie, or zero where the kernel can't tell it.
    pub netns: u64,
    /// The sender's address.
    pub source: Address,
    /// The sender's port, host byte order.
    pub source_port: u16,
    /// The first two bytes of what it carries, as they stand: a DNS message's id. Two sockets that
    /// share one port are told apart by it.
    pub lead: [u8; 2],
    /// Always zero: it is part of the key.
    pub padding: u32,
}

const _: () = assert!(size_of::<DatagramKey>() == 32 && align_of::<DatagramKey>() == 8);

/// An address and port to which a workload may send datagrams.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DatagramTargetKey {
    /// The tagged cgroup.
    pub workload: u64,
    /// The address.
    pub address: Address,
    /// The port, host byte order.
    pub port: u16,
    /// Always zero: it is part of the key.
    pub padding: [u8; 6],
}

const _: () = assert!(size_of::<DatagramTargetKey>() == 32 && align_of::<DatagramTargetKey>() == 8);

/// Where datagrams to declared targets come from.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceKey {
    /// The network namespace's cookie, or zero where the kernel can't tell it.
    pub netns: u64,
    /// The sender's address.
    pub address: Address,
    /// The sender's port, host byte order.
    pub port: u16,
    /// Always zero: it is part of the key.
    pub padding: [u8; 6],
}

const _: () = assert!(size_of::<SourceKey>() == 32 && align_of::<SourceKey>() == 8);

/// A port at which a workload answers connections from outside.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InboundKey {
    /// The tagged cgroup.
    pub workload: u64,
    /// The port, host byte order.
    pub port: u16,
    /// Always zero: it is part of the key.
    pub padding: [u8; 6],
}

const _: () = assert!(size_of::<InboundKey>() == 16 && align_of::<InboundKey>() == 8);

/// In the map of inbound ports: only from 127.0.0.0/8 and `::1`.
pub const INBOUND_LOOPBACK: u8 = 1;
/// In the map of inbound ports: from everywhere.
pub const INBOUND_ANY: u8 = 2;

/// How long a Unix socket's path may be: `sun_path` of `sockaddr_un` (unix(7)).
pub const UNIX_PATH: usize = 108;

/// A Unix socket that a workload may reach.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnixKey {
    /// The tagged cgroup.
    pub workload: u64,
    /// The path as it is dialled, absolute, padded with NULs.
    pub path: [u8; UNIX_PATH],
    /// Always zero: it is part of the key.
    pub padding: u32,
}

const _: () = assert!(size_of::<UnixKey>() == 120 && align_of::<UnixKey>() == 8);

/// What holds for a workload beside its being one: bits of its entry in the map of workloads.
pub mod workload {
    /// It is one. Set in every entry.
    pub const TAGGED: u32 = 1;
    /// It may reach only the Unix sockets that are declared for it.
    pub const UNIX_DECLARED: u32 = 2;
}
