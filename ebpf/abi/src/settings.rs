//! What the programs must be told before they are attached.

/// Raised with every change to a type or a map of this crate.
pub const ABI_VERSION: u32 = 4;

/// The one element of the settings array.
pub const SETTINGS_INDEX: u32 = 0;

/// As a key of the served namespaces: the initial one, for kernels where userspace can't ask for a
/// namespace's cookie (before 5.14).
pub const INITIAL_NETNS: u64 = 0;

/// The engine's side of the bargain. All zero, as a new map is, refuses everything.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// [`ABI_VERSION`] of the engine that wrote this.
    pub abi: u32,
    /// The port of the engine's listeners on 127.0.0.1 and `::1`, host byte order, in every
    /// namespace that it serves: TCP, and UDP for what is asked of resolvers or sent to declared targets. Zero: no engine has
    /// listened yet, so everything is refused.
    pub port: u16,
    /// Always zero.
    pub padding: u16,
    /// A bit for each cgroup level at which a workload lies, the v2 root being level 0. What is
    /// attached to the root looks at no other level, so that a process in no workload pays next to
    /// nothing.
    pub levels: u32,
    /// Always zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Settings>() == 16 && align_of::<Settings>() == 4);
