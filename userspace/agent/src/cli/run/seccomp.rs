//! Keeps the command from typing into the terminal that it shares with its caller.
//!
//! `ioctl(TIOCSTI)` puts characters into a terminal's input as if a person had typed them: the
//! caller's shell would read them once the command is gone, outside of weir. Kernels before 6.2
//! let anyone do so. `TIOCLINUX` does the same on a console, by its selection.
//!
//! Not its job: system calls that open ways to the network. Known limit: it tells a call by its
//! number alone, for every calling convention of the machine at once, so that another call of the
//! same number fails, too, if its second argument happens to be one of the two values.

use nix::errno::Errno;

/// `ioctl` of i386 and of 32-bit ARM, which 64-bit kernels also serve.
const COMPAT_IOCTL: u32 = 54;
/// `ioctl` of x32; no call elsewhere.
const X32_IOCTL: u32 = 0x4000_0000 + 514;

/// `TIOCSTI` and `TIOCLINUX` of asm-generic/ioctls.h, which x86, ARM and RISC-V have.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;

/// Offset of the number in `struct seccomp_data`, linux/seccomp.h.
const NUMBER: u32 = 0;
/// Offset of the second argument's lower half there; the kernel's own type for it is as short.
#[cfg(target_endian = "little")]
const REQUEST: u32 = 16 + 8;
#[cfg(target_endian = "big")]
const REQUEST: u32 = 16 + 8 + 4;

/// How many instructions the filter has.
const LENGTH: usize = 9;

/// The filter, made before the fork.
#[derive(Clone)]
pub(super) struct Filter([libc::sock_filter; LENGTH]);

impl Filter {
    pub(super) fn new() -> Self {
        // Errors in the low half of the answer, which kernels cap well above this one.
        let refuse = libc::SECCOMP_RET_ERRNO | Errno::EPERM as u32;
        let native = u32::try_from(libc::SYS_ioctl).unwrap_or(COMPAT_IOCTL);
        Self([
            load(NUMBER),
            if_equal(native, Jump { equal: 2, other: 0 }),
            if_equal(COMPAT_IOCTL, Jump { equal: 1, other: 0 }),
            if_equal(X32_IOCTL, Jump { equal: 0, other: 3 }),
            load(REQUEST),
            if_equal(TIOCSTI, Jump { equal: 2, other: 0 }),
            if_equal(TIOCLINUX, Jump { equal: 1, other: 0 }),
            answer(libc::SECCOMP_RET_ALLOW),
            answer(refuse),
        ])
    }

    /// Puts the calling process, and all that it becomes, behind the filter. Async-signal-safe.
    /// New privileges must have been ruled out before.
    pub(super) fn install(&mut self) -> Result<(), Errno> {
        let length = libc::c_ushort::try_from(LENGTH).map_err(|_| Errno::EINVAL)?;
        let program = libc::sock_fprog {
            len: length,
            filter: self.0.as_mut_ptr(),
        };
        // SAFETY: the kernel copies the program, whose length is that of the array, and both live
        // through the call.
        let installed = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
                0,
                0,
            )
        };
        Errno::result(installed).map(drop)
    }
}

/// How many instructions to skip.
#[derive(Clone, Copy)]
struct Jump {
    equal: u8,
    other: u8,
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        Jump { equal: 0, other: 0 },
        offset,
    )
}

fn if_equal(value: u32, jump: Jump) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jump, value)
}

fn answer(value: u32) -> libc::sock_filter {
    instruction(
        libc::BPF_RET | libc::BPF_K,
        Jump { equal: 0, other: 0 },
        value,
    )
}

fn instruction(code: u32, jump: Jump, k: u32) -> libc::sock_filter {
    // Codes are 16 bits wide; libc's constants are wider than they need be.
    let code = u16::try_from(code).unwrap_or(0);
    libc::sock_filter {
        code,
        jt: jump.equal,
        jf: jump.other,
        k,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_this_machine_s() {
        assert_eq!(libc::c_ulong::from(TIOCSTI), libc::TIOCSTI);
        assert_eq!(libc::c_ulong::from(TIOCLINUX), libc::TIOCLINUX);
    }
}
