//! `bind()`: a workload may not stand where the engine listens, or will listen again.
//!
//! Known limit: `listen()` without `bind()` takes a free port without asking this hook. The engine
//! holds its port while it lives.

use aya_ebpf::{EbpfContext as _, macros::cgroup_sock_addr, programs::SockAddrContext};
use weir_abi::{Hook, Reason};

use crate::{
    caller,
    context::{Asked, asked_v4, asked_v6},
    maps, refuse,
};

#[cgroup_sock_addr(bind4)]
pub fn bind4(ctx: SockAddrContext) -> i32 {
    admit(&ctx, &asked_v4(&ctx))
}

#[cgroup_sock_addr(bind6)]
pub fn bind6(ctx: SockAddrContext) -> i32 {
    admit(&ctx, &asked_v6(&ctx))
}

#[inline(always)]
fn admit(ctx: &SockAddrContext, asked: &Asked) -> i32 {
    let taken = maps::settings().port;
    if taken == 0 || asked.port != taken || !asked.is_tcp() {
        return 1;
    }
    let workload = caller::workload().unwrap_or(0);
    let facts = caller::facts(ctx.as_ptr(), asked, workload);
    refuse::tell(facts, Hook::Bind, Reason::EnginePort);
    0
}
