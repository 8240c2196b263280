//! `socket()` of every family, where the kernel asks programs attached to a cgroup in the place of
//! security modules (`lsm_cgroup`, since 6.0, with `bpf` among the modules of the boot): only IPv4,
//! IPv6, Unix sockets, and the netlink that name resolution reads routes and addresses from.
//!
//! It sees what [`create`](crate::create) is never asked about: `AF_PACKET`, `AF_VSOCK`, `AF_XDP` and
//! whatever comes next, before the kernel even loads a family's module. It is asked of the task, so
//! also for io_uring's own. Which sockets of the internet families may be made stays `create`'s job.
//!
//! Known limit: a socket of such a family that was made outside and handed in is used unasked.

use aya_ebpf::{EbpfContext as _, macros::lsm_cgroup, programs::LsmContext};
use weir_abi::{Address, FAMILY_NONE, Hook, Reason};

use crate::{
    caller,
    context::{Asked, narrow, narrow8},
    refuse,
};

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
const NETLINK_ROUTE: u32 = 0;

#[lsm_cgroup(hook = "socket_create")]
pub fn family(ctx: LsmContext) -> i32 {
    let family = argument::<0>(&ctx);
    let kind = argument::<1>(&ctx);
    let protocol = argument::<2>(&ctx);
    let is_the_kernel_s = argument::<3>(&ctx) != 0;
    let is_allowed = match family {
        AF_UNIX | AF_INET | AF_INET6 => true,
        AF_NETLINK => protocol == NETLINK_ROUTE,
        _ => false,
    };
    // The kernel's own are made by its own code on the way of a call, and no process gets hold of
    // them.
    if is_allowed || is_the_kernel_s {
        return 1;
    }
    let asked = Asked {
        address: Address::UNSPECIFIED,
        port: 0,
        protocol: narrow(protocol),
        family: FAMILY_NONE,
        kind: narrow8(kind),
    };
    let workload = caller::workload().unwrap_or(0);
    let facts = caller::facts_without_socket(&asked, workload);
    refuse::tell(facts, Hook::SocketCreate, Reason::Family);
    0
}

/// An argument of `int security_socket_create(int family, int type, int protocol, int kern)`: the low
/// half of its slot, since the high one may hold anything.
#[inline(always)]
fn argument<const N: usize>(ctx: &LsmContext) -> u32 {
    let slots = ctx.as_ptr().cast::<u64>();
    // SAFETY: the hook has four arguments, a slot each; the verifier checks the offset.
    let slot = unsafe { core::ptr::read_volatile(slots.wrapping_add(N)) };
    let [a, b, c, d, ..] = slot.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
