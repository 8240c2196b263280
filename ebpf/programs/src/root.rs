//! On the v2 root: what a workload does with a socket that is not its own. Such a socket was handed
//! to it (`SCM_RIGHTS`, `pidfd_getfd`) or made before its process joined, and the hooks of the
//! workload's cgroup follow the socket, not the task. So these look at the task, and run after the
//! socket's own hooks, whatever those said: a workload's own socket has been sent to the engine by
//! then, also one that was refused, and whatever has not been is refused here. A foreign one that
//! names the engine itself leaves no facts, so the engine drops it.
//!
//! They run for every process of the host, one in no workload ahead of all: the settings name the
//! levels at which workloads lie, and nothing else is looked at.
//!
//! Known limits: a foreign datagram socket that was connected before sends without asking, and so
//! does a stream that was connected before; both are userspace's to find and close.

use aya_ebpf::{EbpfContext as _, macros::cgroup_sock_addr, programs::SockAddrContext};
use weir_abi::{Hook, Reason};

use crate::{
    bind, caller,
    context::{Asked, asked_v4, asked_v6},
    maps, refuse, rule,
};

#[cgroup_sock_addr(connect4)]
pub fn root_connect4(ctx: SockAddrContext) -> i32 {
    admit(&ctx, asked_v4, Hook::Connect)
}

#[cgroup_sock_addr(connect6)]
pub fn root_connect6(ctx: SockAddrContext) -> i32 {
    admit(&ctx, asked_v6, Hook::Connect)
}

#[cgroup_sock_addr(sendmsg4)]
pub fn root_sendmsg4(ctx: SockAddrContext) -> i32 {
    admit(&ctx, asked_v4, Hook::SendMessage)
}

#[cgroup_sock_addr(sendmsg6)]
pub fn root_sendmsg6(ctx: SockAddrContext) -> i32 {
    admit(&ctx, asked_v6, Hook::SendMessage)
}

#[inline(always)]
fn admit(ctx: &SockAddrContext, read: fn(&SockAddrContext) -> Asked, hook: Hook) -> i32 {
    let settings = maps::settings();
    let Some(workload) = caller::workload_at(settings.levels) else {
        return 1;
    };
    let asked = read(ctx);
    if asked.port == settings.port && rule::is_engine_address(asked.address) {
        // Without an engine the socket's own hooks have refused this, and told of it.
        return i32::from(settings.port != 0);
    }
    let asked = asked.as_destination();
    let facts = caller::facts(ctx.as_ptr(), &asked, workload);
    refuse::tell(facts, hook, Reason::HandedIn);
    0
}

/// Nobody on the host stands where the engine listens, or will listen again: while it is down,
/// workloads are still sent there.
#[cgroup_sock_addr(bind4)]
pub fn root_bind4(ctx: SockAddrContext) -> i32 {
    bind::keep_free(&ctx, asked_v4)
}

/// As [`root_bind4`].
#[cgroup_sock_addr(bind6)]
pub fn root_bind6(ctx: SockAddrContext) -> i32 {
    bind::keep_free(&ctx, asked_v6)
}
