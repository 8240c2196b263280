//! What the programs must be told before they are attached.

/// Raised with every change to a type or a map of this crate.
pub const ABI_VERSION: u32 = 1;

/// The one element of the settings array.
pub const SETTINGS_INDEX: u32 = 0;

/// In [`Settings::netns`]: the initial namespace, for kernels where userspace can't ask for its own
/// (before 5.14). An engine in any other namespace is then refused everything.
pub const INITIAL_NETNS: u64 = 0;

/// The engine's side of the bargain. All zero, as a new map is, refuses everything.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// [`ABI_VERSION`] of the engine that wrote this.
    pub abi: u32,
    /// The port of the engine's listeners on 127.0.0.1 and `::1`, host byte order. Zero: no engine
    /// has listened yet, so everything is refused.
    pub port: u16,
    /// Always zero.
    pub padding: u16,
    /// The engine's network namespace. A socket of any other would reach a stranger's loopback,
    /// so it is refused. Or [`INITIAL_NETNS`].
    pub netns: u64,
}

const _: () = assert!(size_of::<Settings>() == 16 && align_of::<Settings>() == 8);
