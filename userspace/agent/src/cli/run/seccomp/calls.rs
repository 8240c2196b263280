//! What is refused, call by call, in each calling convention.
//!
//! A 64-bit kernel also serves the calls of its 32-bit sibling, by other numbers: a rule that
//! knows only one of them is none.
//!
//! Known limit: 32-bit programs on x86 whose C library makes sockets by `socketcall`, as glibc's
//! does, have no sockets at all, since a filter can't follow the pointer to its arguments.

/// A calling convention: what seccomp(2) calls an architecture.
pub(super) struct Convention {
    /// `AUDIT_ARCH_*`, linux/audit.h.
    pub(super) arch: u32,
    /// The first number that is no call of this convention, where there is one: x32 has its calls
    /// from there on.
    pub(super) end: Option<u32>,
    /// What is not simply let through.
    pub(super) calls: &'static [Call],
}

/// A system call that is looked at.
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) rule: Rule,
}

/// What becomes of it.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Always refused.
    Refused,
    /// Refused unless the first argument is one of [`FAMILIES`], or [`NETLINK`] and the third is
    /// [`NETLINK_ROUTE`].
    Socket,
    /// Refused if the second argument is one of [`TERMINAL_INPUT`].
    Ioctl,
    /// Refused if the second and third arguments are among [`JOINS`].
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(
            dead_code,
            reason = "the machine has no 32-bit convention that is let through"
        )
    )]
    SetOption,
}

/// The families of socket(2) that are let through: Unix sockets are seen to by `mounts` and
/// `landlock`, IP by the hooks.
pub(super) const FAMILIES: [u32; 3] = [
    unsigned(libc::AF_UNIX),
    unsigned(libc::AF_INET),
    unsigned(libc::AF_INET6),
];
/// The C library and Go ask the kernel for addresses and routes by it.
pub(super) const NETLINK: u32 = unsigned(libc::AF_NETLINK);
/// The one protocol of netlink(7) that they ask.
pub(super) const NETLINK_ROUTE: u32 = unsigned(libc::NETLINK_ROUTE);

/// `TIOCSTI` and `TIOCLINUX` of asm-generic/ioctls.h, which x86, ARM and RISC-V have.
///
/// The first puts characters into a terminal's input as if a person had typed them: the caller's
/// shell would read them once the command is gone, outside of weir. Kernels before 6.2 let anyone
/// do so. The second does the same on a console, by its selection.
pub(super) const TERMINAL_INPUT: [u32; 2] = [0x5412, 0x541c];

/// The options, by level, that join a multicast or anycast group (linux/in.h, linux/in6.h): the kernel
/// itself then tells the network of a group that the caller chose. The hook on the cgroup refuses the
/// same and tells of it, but is not asked of calls in a 32-bit convention, so it is those that are
/// looked at here.
pub(super) const JOINS: [(u32, &[u32]); 2] = [
    (unsigned(libc::IPPROTO_IP), &[35, 39, 41, 42, 46, 48]),
    (unsigned(libc::IPPROTO_IPV6), &[20, 27, 42, 46, 48]),
];

/// `AUDIT_ARCH_*` of linux/audit.h: the machine's ELF number, 64 bits, little endian.
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 62 | BITS_64 | LITTLE_ENDIAN;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 183 | BITS_64 | LITTLE_ENDIAN;
#[cfg(target_arch = "riscv64")]
const NATIVE: u32 = 243 | BITS_64 | LITTLE_ENDIAN;
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
compile_error!("say here how system calls are told on this machine, in each of its conventions");

const BITS_64: u32 = 0x8000_0000;
const LITTLE_ENDIAN: u32 = 0x4000_0000;

/// Every calling convention of the machine, the most frequent first.
pub(super) const CONVENTIONS: &[Convention] = &[
    Convention {
        arch: NATIVE,
        // `__X32_SYSCALL_BIT`, asm/unistd.h: kernels that serve x32 show its calls as x86-64's.
        end: if cfg!(target_arch = "x86_64") {
            Some(0x4000_0000)
        } else {
            None
        },
        calls: &[
            call(native(libc::SYS_socket), Rule::Socket),
            call(native(libc::SYS_socketpair), Rule::Socket),
            call(native(libc::SYS_ioctl), Rule::Ioctl),
            call(IO_URING_SETUP, Rule::Refused),
            call(IO_URING_ENTER, Rule::Refused),
            call(IO_URING_REGISTER, Rule::Refused),
            call(PIDFD_GETFD, Rule::Refused),
            call(native(libc::SYS_add_key), Rule::Refused),
            call(native(libc::SYS_request_key), Rule::Refused),
            call(native(libc::SYS_keyctl), Rule::Refused),
        ],
    },
    // i386.
    #[cfg(target_arch = "x86_64")]
    Convention {
        arch: 3 | LITTLE_ENDIAN,
        end: None,
        calls: &[
            call(102, Rule::Refused),
            call(359, Rule::Socket),
            call(360, Rule::Socket),
            call(54, Rule::Ioctl),
            call(IO_URING_SETUP, Rule::Refused),
            call(IO_URING_ENTER, Rule::Refused),
            call(IO_URING_REGISTER, Rule::Refused),
            call(PIDFD_GETFD, Rule::Refused),
            call(286, Rule::Refused),
            call(287, Rule::Refused),
            call(288, Rule::Refused),
            call(366, Rule::SetOption),
        ],
    },
    // 32-bit ARM. 102 is what its old convention calls `socketcall`.
    #[cfg(target_arch = "aarch64")]
    Convention {
        arch: 40 | LITTLE_ENDIAN,
        end: None,
        calls: &[
            call(102, Rule::Refused),
            call(281, Rule::Socket),
            call(288, Rule::Socket),
            call(54, Rule::Ioctl),
            call(IO_URING_SETUP, Rule::Refused),
            call(IO_URING_ENTER, Rule::Refused),
            call(IO_URING_REGISTER, Rule::Refused),
            call(PIDFD_GETFD, Rule::Refused),
            call(309, Rule::Refused),
            call(310, Rule::Refused),
            call(311, Rule::Refused),
            call(294, Rule::SetOption),
        ],
    },
];

/// Calls younger than 5.1 have one number everywhere.
const IO_URING_SETUP: u32 = 425;
const IO_URING_ENTER: u32 = 426;
const IO_URING_REGISTER: u32 = 427;
const PIDFD_GETFD: u32 = 438;

const fn call(number: u32, rule: Rule) -> Call {
    Call { number, rule }
}

/// As the kernel takes it: unsigned.
const fn unsigned(number: libc::c_int) -> u32 {
    number.cast_unsigned()
}

/// The number of a call, which is small on every machine.
const fn native(number: libc::c_long) -> u32 {
    assert!(number >= 0 && number < 0x1000);
    let [a, b, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, 0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_and_numbers_are_this_machine_s() {
        assert_eq!(
            TERMINAL_INPUT.map(libc::c_ulong::from),
            [libc::TIOCSTI, libc::TIOCLINUX]
        );
        for (number, constant) in [
            (IO_URING_SETUP, libc::SYS_io_uring_setup),
            (IO_URING_ENTER, libc::SYS_io_uring_enter),
            (IO_URING_REGISTER, libc::SYS_io_uring_register),
            (PIDFD_GETFD, libc::SYS_pidfd_getfd),
        ] {
            assert_eq!(libc::c_long::from(number), constant);
        }
    }
}
