//! What the kernel knew of a calling process, read from its own structures in the call itself: right
//! also for a process that is gone a moment later.

/// Bytes kept of a command line; a longer one is cut.
pub const ARGUMENTS_BYTES: usize = 512;
/// Bytes kept of an executable's path, from its end; a longer one lacks its first directories.
pub const EXECUTABLE_BYTES: usize = 256;
/// Ancestors that are kept, the parent first.
pub const ANCESTORS: usize = 8;

/// A process as one of another's ancestors.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancestor {
    /// When it started, `CLOCK_BOOTTIME` in nanoseconds.
    pub start_boot_ns: u64,
    /// Its process id; zero where there is none.
    pub tgid: u32,
    /// Always zero.
    pub padding: u32,
    /// Its name, NUL-padded: for display only.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<Ancestor>() == 32 && align_of::<Ancestor>() == 8);

/// The calling process. A field that could not be read is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    /// When it started, `CLOCK_BOOTTIME` in nanoseconds.
    pub start_boot_ns: u64,
    /// The inode number of its executable.
    pub executable_inode: u64,
    /// The device of its executable's file system, as the kernel numbers it internally
    /// (`s_dev`: twelve bits major, twenty minor).
    pub executable_device: u32,
    /// Bytes used of `executable`, counted from its end.
    pub executable_length: u16,
    /// Bytes used of `arguments`.
    pub arguments_length: u16,
    /// Parent, its parent and so on.
    pub ancestors: [Ancestor; ANCESTORS],
    /// The path of the executable below its mount, filled from the end.
    pub executable: [u8; EXECUTABLE_BYTES],
    /// The command line, each argument ended by a NUL.
    pub arguments: [u8; ARGUMENTS_BYTES],
}

const _: () = assert!(size_of::<ProcessFacts>() == 1048 && align_of::<ProcessFacts>() == 8);
