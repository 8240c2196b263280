//! io_uring by its system calls (io_uring(7)): socket calls that no seccomp filter of those sees.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd},
    ptr,
    sync::atomic::{AtomicU32, Ordering},
};

pub(crate) const SQPOLL: u32 = 1 << 1;

/// Flags of an entry: the descriptor is one of the ring's own table; do it in a worker.
pub(crate) const FIXED_FILE: u8 = 1 << 0;
pub(crate) const ASYNC: u8 = 1 << 4;

pub(crate) const OP_SENDMSG: u8 = 9;
pub(crate) const OP_CONNECT: u8 = 16;
pub(crate) const OP_SEND: u8 = 26;
pub(crate) const OP_SOCKET: u8 = 45;
pub(crate) const OP_COMMAND: u8 = 46;

/// `struct io_uring_sqe` of include/uapi/linux/io_uring.h, each union by the name that is used here.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) opcode: u8,
    pub(crate) flags: u8,
    pub(crate) ioprio: u16,
    pub(crate) fd: i32,
    pub(crate) off: u64,
    pub(crate) addr: u64,
    pub(crate) len: u32,
    pub(crate) op_flags: u32,
    pub(crate) user_data: u64,
    pub(crate) buf_index: u16,
    pub(crate) personality: u16,
    pub(crate) file_index: u32,
    pub(crate) rest: [u64; 2],
}

const _: () = assert!(size_of::<Entry>() == 64);

#[repr(C)]
#[derive(Default)]
struct Offsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    /// Of the submission ring; the completion ring's overflow stands there.
    flags: u32,
    /// Likewise `dropped`; the completion ring's entries.
    entries: u32,
    array: u32,
    reserved: u32,
    user_addr: u64,
}

#[repr(C)]
#[derive(Default)]
struct Parameters {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    reserved: [u32; 3],
    sq: Offsets,
    cq: Offsets,
}

const _: () = assert!(size_of::<Parameters>() == 120);

const RINGS: i64 = 0;
const ENTRIES: i64 = 0x1000_0000;
const GETEVENTS: u32 = 1 << 0;
const SQ_WAKEUP: u32 = 1 << 1;
const REGISTER_FILES: u32 = 2;
const REGISTER_PERSONALITY: u32 = 9;

/// A ring of which one entry is used at a time.
pub(crate) struct Ring {
    fd: OwnedFd,
    parameters: Parameters,
    rings: *mut u8,
    entries: *mut Entry,
}

impl Ring {
    pub(crate) fn new(flags: u32) -> io::Result<Self> {
        let mut parameters = Parameters {
            flags,
            sq_thread_idle: 50,
            ..Parameters::default()
        };
        // SAFETY: a number, and parameters of the size that the kernel knows.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, &raw mut parameters) };
        let fd = RawFd::try_from(fd).expect("small");
        super::done(fd)?;
        // SAFETY: the kernel has just made it for this process, and nothing else knows of it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            rings: map(&fd, RINGS)?.cast(),
            entries: map(&fd, ENTRIES)?.cast(),
            fd,
            parameters,
        })
    }

    /// A word of the rings, which the kernel writes too.
    fn word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: within the mapping, aligned, and only ever used atomically; it lives as long as
        // the process.
        unsafe { AtomicU32::from_ptr(self.rings.wrapping_add(offset as usize).cast()) }
    }

    /// Does one thing and gives what it gives.
    pub(crate) fn run(&self, entry: Entry) -> io::Result<i32> {
        let (sq, cq) = (&self.parameters.sq, &self.parameters.cq);
        let tail = self.word(sq.tail).load(Ordering::Acquire);
        let slot = tail & self.word(sq.ring_mask).load(Ordering::Relaxed);
        // SAFETY: the slot is within the mapping, and free: one entry is under way at a time.
        unsafe { self.entries.wrapping_add(slot as usize).write(entry) };
        self.word(sq.array + 4 * slot)
            .store(slot, Ordering::Relaxed);
        self.word(sq.tail).store(tail + 1, Ordering::Release);
        let polled = self.parameters.flags & SQPOLL != 0;
        let (submit, flags) = if polled {
            (0, GETEVENTS | SQ_WAKEUP)
        } else {
            (1, GETEVENTS)
        };
        // SAFETY: an open ring, and numbers.
        let entered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd.as_raw_fd(),
                submit,
                1,
                flags,
                ptr::null::<u8>(),
                0,
            )
        };
        super::done(i32::try_from(entered).expect("small"))?;
        let head = self.word(cq.head).load(Ordering::Acquire);
        assert_ne!(
            head,
            self.word(cq.tail).load(Ordering::Acquire),
            "it waited"
        );
        let slot = head & self.word(cq.ring_mask).load(Ordering::Relaxed);
        // `struct io_uring_cqe`: user_data, res, flags. The entries stand where `array` would.
        let outcome = self
            .word(cq.entries + 16 * slot + 8)
            .load(Ordering::Acquire);
        self.word(cq.head).store(head + 1, Ordering::Release);
        let outcome = outcome.cast_signed();
        if outcome < 0 {
            return Err(io::Error::from_raw_os_error(-outcome));
        }
        Ok(outcome)
    }

    /// Keeps the caller's credentials: entries that name them act by them, whatever the caller has
    /// become since.
    pub(crate) fn keep_credentials(&self) -> io::Result<u16> {
        // SAFETY: an open ring, and numbers.
        let kept = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                self.fd.as_raw_fd(),
                REGISTER_PERSONALITY,
                ptr::null::<u8>(),
                0,
            )
        };
        let kept = i32::try_from(kept).expect("small");
        super::done(kept)?;
        Ok(u16::try_from(kept).expect("small"))
    }

    /// Gives it a table of descriptors of its own, in which nothing or this one stands.
    pub(crate) fn register(&self, file: Option<RawFd>) -> io::Result<()> {
        let files = [file.unwrap_or(-1)];
        // SAFETY: an open ring, and as many descriptors as are said.
        let done = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                self.fd.as_raw_fd(),
                REGISTER_FILES,
                files.as_ptr(),
                1,
            )
        };
        super::done(i32::try_from(done).expect("small"))
    }
}

/// One page holds either.
fn map(fd: &impl AsRawFd, offset: i64) -> io::Result<*mut libc::c_void> {
    // SAFETY: a new mapping; it is never undone, and ends with the process.
    let mapped = unsafe {
        libc::mmap(
            ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            offset,
        )
    };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(mapped)
}
