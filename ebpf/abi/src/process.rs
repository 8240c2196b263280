//! What the kernel knew of a calling process, read from its own structures in the call itself: right
//! also for a process that is gone, or is another program, a moment later.

use crate::ConnectFacts;

/// Bytes kept of a command line; a longer one is cut.
pub const ARGUMENTS_BYTES: usize = 512;
/// Bytes kept of an executable's path, from its end; a longer one lacks its first directories.
pub const EXECUTABLE_BYTES: usize = 256;
/// Ancestors that are kept, the parent first.
pub const ANCESTORS: usize = 8;

/// Of an executable's path: its first directories are missing.
pub const PATH_CUT: u8 = 0;
/// Of an executable's path: it begins at the root of the process's mount namespace.
pub const PATH_WHOLE: u8 = 1;
/// Of an executable's path: it is a mere name, of a file in no directory (memfd_create(2)).
pub const PATH_DETACHED: u8 = 2;

/// One call of one socket. A socket's cookie alone is not enough: it may be connected again before
/// the engine has picked the first connection up.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessKey {
    /// The socket's cookie.
    pub cookie: u64,
    /// When it called, `CLOCK_BOOTTIME` in nanoseconds.
    pub boot_ns: u64,
    /// The calling thread.
    pub tid: u32,
    /// Always zero: it is part of the key.
    pub padding: u32,
}

const _: () = assert!(size_of::<ProcessKey>() == 24 && align_of::<ProcessKey>() == 8);

impl ProcessKey {
    /// The call that these facts are of.
    #[inline(always)]
    pub const fn of(facts: &ConnectFacts) -> Self {
        Self {
            cookie: facts.cookie,
            boot_ns: facts.boot_ns,
            tid: facts.tid,
            padding: 0,
        }
    }
}

/// A process as one of another's ancestors.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancestor {
    /// When it started, `CLOCK_BOOTTIME` in nanoseconds.
    pub start_boot_ns: u64,
    /// The v2 cgroup that it was in at the call; zero where it could not be read.
    pub cgroup: u64,
    /// Its process id; zero where there is none.
    pub tgid: u32,
    /// Always zero.
    pub padding: u32,
    /// Its name, NUL-padded: for display only.
    pub comm: [u8; 16],
}

const _: () = assert!(size_of::<Ancestor>() == 40 && align_of::<Ancestor>() == 8);

impl Ancestor {
    /// None.
    pub const NONE: Self = Self {
        start_boot_ns: 0,
        cgroup: 0,
        tgid: 0,
        padding: 0,
        comm: [0; 16],
    };
}

/// The calling process. A field that could not be read is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    /// When it started, `CLOCK_BOOTTIME` in nanoseconds.
    pub start_boot_ns: u64,
    /// The inode number of its executable; zero where it has none.
    pub inode: u64,
    /// When that inode was last changed (`ctime`): seconds of the day's clock.
    pub changed_s: i64,
    /// The nanoseconds of the same.
    pub changed_ns: u32,
    /// The device of the executable's file system, as the kernel numbers it internally
    /// (`s_dev`: twelve bits major, twenty minor).
    pub device: u32,
    /// What kind of file system it is (statfs(2), `f_type`).
    pub filesystem: u32,
    /// Bytes used of `executable`, counted from its end.
    pub executable_length: u16,
    /// Bytes used of `arguments`.
    pub arguments_length: u16,
    /// [`PATH_CUT`], [`PATH_WHOLE`] or [`PATH_DETACHED`].
    pub path: u8,
    /// One if `arguments` holds the whole command line.
    pub arguments_whole: u8,
    /// Always zero.
    pub padding: [u8; 6],
    /// Parent, its parent and so on.
    pub ancestors: [Ancestor; ANCESTORS],
    /// The path of the executable, filled from the end.
    pub executable: [u8; EXECUTABLE_BYTES],
    /// The command line as it lies in the process's memory, each argument ended by a NUL.
    pub arguments: [u8; ARGUMENTS_BYTES],
}

const _: () = assert!(size_of::<ProcessFacts>() == 1136 && align_of::<ProcessFacts>() == 8);

impl ProcessFacts {
    /// Nothing known.
    pub const NONE: Self = Self {
        start_boot_ns: 0,
        inode: 0,
        changed_s: 0,
        changed_ns: 0,
        device: 0,
        filesystem: 0,
        executable_length: 0,
        arguments_length: 0,
        path: PATH_CUT,
        arguments_whole: 0,
        padding: [0; 6],
        ancestors: [Ancestor::NONE; ANCESTORS],
        executable: [0; EXECUTABLE_BYTES],
        arguments: [0; ARGUMENTS_BYTES],
    };
}
