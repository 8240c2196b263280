//! `setsockopt()`: no joining of groups. The kernel tells a link's routers of a group that a socket
//! joins (IGMP, MLD), in a packet from a socket of its own, which [`egress`](crate::egress) is never
//! asked about. The group is the caller's to choose: it could spell anything.
//!
//! Everything else passes as it is, unread. io_uring's own command is asked here, too.
//!
//! Known limits: the kernel does not ask this of calls in a 32-bit convention (`int 0x80`), which a
//! seccomp filter has to refuse; and it asks by the socket's cgroup, so not of a socket that was
//! handed in.

use aya_ebpf::{macros::cgroup_sockopt, programs::SockoptContext};
use weir_abi::{Address, FAMILY_NONE, Hook, Reason};

use crate::{
    caller,
    context::{Asked, read, write},
    maps::CALLER_IN_SETSOCKOPT,
    refuse,
};

/// Levels, include/linux/socket.h. A socket of IPv6 takes options of both.
const IP: i32 = 0;
const IPV6: i32 = 41;

/// Options of both levels, include/uapi/linux/in.h.
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const MCAST_MSFILTER: i32 = 48;
/// Of IPv4, there.
const IP_ADD_MEMBERSHIP: i32 = 35;
const IP_ADD_SOURCE_MEMBERSHIP: i32 = 39;
const IP_MSFILTER: i32 = 41;
/// Of IPv6, include/uapi/linux/in6.h.
const IPV6_JOIN_GROUP: i32 = 20;
const IPV6_JOIN_ANYCAST: i32 = 27;

/// What the kernel shows a program of a value, at the least: a page.
const SHOWN: i32 = 4096;

#[cgroup_sockopt(setsockopt)]
pub fn setsockopt(ctx: SockoptContext) -> i32 {
    let level = read!(ctx.sockopt => level);
    let option = read!(ctx.sockopt => optname);
    let length = read!(ctx.sockopt => optlen);
    if !joins(level, option) {
        if length > SHOWN {
            // Longer than what it showed, which it would take for a change of ours: zero says that
            // the caller's own bytes are meant.
            write!(ctx.sockopt => optlen = 0);
        }
        return 1;
    }
    tell();
    0
}

#[inline(always)]
fn joins(level: i32, option: i32) -> bool {
    let of_both = matches!(
        option,
        MCAST_JOIN_GROUP | MCAST_JOIN_SOURCE_GROUP | MCAST_MSFILTER
    );
    match level {
        IP => {
            of_both
                || matches!(
                    option,
                    IP_ADD_MEMBERSHIP | IP_ADD_SOURCE_MEMBERSHIP | IP_MSFILTER
                )
        }
        IPV6 => of_both || matches!(option, IPV6_JOIN_GROUP | IPV6_JOIN_ANYCAST),
        _ => false,
    }
}

#[inline(always)]
fn tell() {
    let asked = Asked {
        address: Address::UNSPECIFIED,
        port: 0,
        protocol: 0,
        family: FAMILY_NONE,
        kind: 0,
    };
    let facts = if CALLER_IN_SETSOCKOPT.load() == 0 {
        caller::unknown(&asked)
    } else {
        caller::facts_without_socket(&asked, caller::workload().unwrap_or(0))
    };
    refuse::tell(facts, Hook::SocketOption, Reason::Group);
}
