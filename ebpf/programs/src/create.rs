//! `socket()`: an allow-list. TCP and UDP over IPv4 and IPv6; raw sockets, ping sockets, SCTP,
//! MPTCP, UDP-Lite and whatever comes next are refused with EPERM.
//!
//! Known limit: the kernel asks this only for the internet families. `AF_PACKET`, `AF_VSOCK` and
//! `AF_UNIX` are not seen here; [`family`](crate::family) sees them where it loads.

use aya_ebpf::{EbpfContext as _, macros::cgroup_sock, programs::SockContext};
use weir_abi::{Address, FAMILY_NONE, FAMILY_V4, FAMILY_V6, Hook, Reason};

use crate::{
    caller,
    context::{Asked, narrow, narrow8, read},
    refuse,
};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

#[cgroup_sock(sock_create)]
pub fn sock_create(ctx: SockContext) -> i32 {
    let family = read!(ctx.sock => family);
    let kind = read!(ctx.sock => type_);
    let protocol = read!(ctx.sock => protocol);
    let asked = Asked {
        address: Address::UNSPECIFIED,
        port: 0,
        // A protocol of 0 has been resolved to the type's own by now.
        protocol: narrow(protocol),
        family: match family {
            AF_INET => FAMILY_V4,
            AF_INET6 => FAMILY_V6,
            _ => FAMILY_NONE,
        },
        kind: narrow8(kind),
    };
    if asked.family != FAMILY_NONE && (asked.is_tcp() || asked.is_udp()) {
        return 1;
    }
    let workload = caller::workload().unwrap_or(0);
    let facts = caller::facts(ctx.as_ptr(), &asked, workload);
    refuse::tell(facts, Hook::SocketCreate, Reason::Protocol);
    0
}
