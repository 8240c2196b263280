//! What the kernel knew at the moment a socket was to leave.

use crate::Address;

/// The socket is IPv4 (`AF_INET`).
pub const FAMILY_V4: u8 = 4;
/// The socket is IPv6 (`AF_INET6`).
pub const FAMILY_V6: u8 = 6;
/// The family is neither, or was not asked.
pub const FAMILY_NONE: u8 = 0;

/// Who asked for what, captured in the hook that rewrote or refused it.
///
/// Ids are those of the initial namespaces, as the kernel's helpers give them. A field that the
/// hook could not know (a packet has no calling task) is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectFacts {
    /// Where the caller wanted to go, an unspecified address already resolved to loopback; for
    /// `bind`, where it wanted to listen.
    pub address: Address,
    /// The client socket's cookie (`SO_COOKIE`), unique until reboot.
    pub cookie: u64,
    /// The network namespace's cookie (`SO_NETNS_COOKIE`).
    pub netns: u64,
    /// The cgroup v2 id of the calling task: the leaf it runs in.
    pub cgroup: u64,
    /// The id of the tagged cgroup the calling task is in or below.
    pub workload: u64,
    /// `CLOCK_BOOTTIME` at the call, in nanoseconds. Lets userspace see that a pid was recycled.
    pub boot_ns: u64,
    /// The calling process.
    pub tgid: u32,
    /// The calling thread.
    pub tid: u32,
    /// The caller's user.
    pub uid: u32,
    /// The caller's group.
    pub gid: u32,
    /// Destination port, host byte order.
    pub port: u16,
    /// The socket's protocol number (`IPPROTO_*`). Sixteen bits: MPTCP is 262.
    pub protocol: u16,
    /// [`FAMILY_V4`], [`FAMILY_V6`] or [`FAMILY_NONE`]: the socket's, not the address's.
    pub family: u8,
    /// The socket's type (`SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_RAW` 3, ...).
    pub kind: u8,
    /// Always zero.
    pub padding: [u8; 6],
    /// The calling thread's name, NUL-padded. A name, not an identity: any process picks its own.
    pub comm: [u8; 16],
}

/// Who sends datagrams from one source, to which declared target, and since when.
///
/// It holds for every datagram from there until another note takes its place, which it does not
/// before the source has been silent for [`QUIET_NS`]: what arrived in between is told apart by time.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceNote {
    /// Who sends, and where to.
    pub facts: ConnectFacts,
    /// `CLOCK_BOOTTIME` at the first datagram of this socket to this target, in nanoseconds.
    pub since_ns: u64,
    /// The same at the last one.
    pub last_ns: u64,
}

const _: () = assert!(size_of::<SourceNote>() == 120 && align_of::<SourceNote>() == 8);

/// How long a source is silent before what it sends may be for another target, in nanoseconds.
pub const QUIET_NS: u64 = 100_000_000;

const _: () = assert!(size_of::<ConnectFacts>() == 104 && align_of::<ConnectFacts>() == 8);
