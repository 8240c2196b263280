//! Datagrams sent without `connect()` are refused with EPERM. (On a connected socket the connect hook
//! has ruled, and the egress hook sees the packet.)

use aya_ebpf::{EbpfContext as _, macros::cgroup_sock_addr, programs::SockAddrContext};
use weir_abi::{Hook, Reason};

use crate::{
    caller,
    context::{Asked, asked_v4, asked_v6},
    refuse,
    rule::{self, Ruling},
};

#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    admit(&ctx, &asked_v4(&ctx).as_destination())
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    admit(&ctx, &asked_v6(&ctx).as_destination())
}

#[inline(always)]
fn admit(ctx: &SockAddrContext, asked: &Asked) -> i32 {
    let (reason, workload) = match rule::on(ctx.as_ptr(), asked) {
        // A message can't be redirected to a stream; the kernel never asks this of TCP.
        Ruling::Redirect { workload, .. } => (Reason::Protocol, workload),
        Ruling::Refuse { reason, workload } => (reason, workload),
    };
    refuse::tell(
        caller::facts(ctx.as_ptr(), asked, workload),
        Hook::SendMessage,
        reason,
    );
    0
}
