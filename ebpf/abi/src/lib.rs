//! The only contract between weir's eBPF programs and its userspace: what lies in the maps, under
//! which names, and the few rules both sides must read alike.
//!
//! Not its job: deciding anything. The programs in `ebpf/programs` decide, `weir-intercept` reads.
//!
//! Every type is `repr(C)`, has no implicit padding and a size asserted at compile time, because
//! the kernel compares and copies the raw bytes. A change to any of them raises [`ABI_VERSION`]:
//! maps pinned by an older engine are then refused instead of being read askew.
#![cfg_attr(not(any(test, feature = "userspace")), no_std)]

mod address;
mod event;
mod facts;
mod flow;
mod keys;
mod layout;
mod process;
mod settings;
mod unix;

pub mod maps;

#[cfg(feature = "userspace")]
mod userspace;

pub use address::{Address, LOOPBACK_V4, LOOPBACK_V6};
pub use event::{Hook, Reason, Refusal};
pub use facts::{ConnectFacts, FAMILY_NONE, FAMILY_V4, FAMILY_V6, QUIET_NS, SourceNote};
pub use flow::FlowKey;
pub use keys::{
    DatagramKey, DatagramTargetKey, INBOUND_ANY, INBOUND_LOOPBACK, InboundKey, SourceKey,
    UNIX_PATH, UnixKey, workload,
};
pub use layout::Layout;
pub use process::{
    ANCESTORS, ARGUMENTS_BYTES, Ancestor, EXECUTABLE_BYTES, PATH_CUT, PATH_DETACHED, PATH_WHOLE,
    ProcessFacts, ProcessKey,
};
pub use settings::{ABI_VERSION, INITIAL_NETNS, SETTINGS_INDEX, Settings};
pub use unix::UnixLayout;

/// How many cgroup levels below the v2 root the programs look through for a tagged ancestor, the
/// root included. A deeper workload is refused: no tag is found, so no socket is its own.
pub const MAX_CGROUP_DEPTH: u32 = 16;

/// The port at which a resolver answers; the programs send what is meant for it to the engine.
pub const DNS_PORT: u16 = 53;
