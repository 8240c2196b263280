//! `bind()`: nobody may stand where the engine listens, or will listen again: not a workload, and not
//! anyone else while it is down.
//!
//! Known limit: `listen()` without `bind()` takes a free port without asking any of these. The engine
//! picks its port where the kernel gives none away by itself.

use aya_ebpf::{
    EbpfContext as _,
    macros::{cgroup_sock, cgroup_sock_addr},
    programs::{SockAddrContext, SockContext},
};
use weir_abi::{Address, FAMILY_V4, FAMILY_V6, Hook, Reason};

use crate::{
    caller,
    context::{Asked, asked_v4, asked_v6, narrow, narrow8, read, user_port, write},
    maps, refuse, rule,
};

#[cgroup_sock_addr(bind4)]
pub fn bind4(ctx: SockAddrContext) -> i32 {
    judge(&ctx, &asked_v4(&ctx))
}

#[cgroup_sock_addr(bind6)]
pub fn bind6(ctx: SockAddrContext) -> i32 {
    judge(&ctx, &asked_v6(&ctx))
}

/// What is attached to the root runs next, verdict or not: the port that was refused is taken out of
/// the call, so that it is told of once.
#[inline(always)]
fn judge(ctx: &SockAddrContext, asked: &Asked) -> i32 {
    let verdict = admit(ctx, asked);
    if verdict == 0 {
        write!(ctx.sock_addr => user_port = 0);
    }
    verdict
}

/// Asked again when the port is known, which may have been left to the kernel to choose.
#[cgroup_sock(post_bind4)]
pub fn post_bind4(ctx: SockContext) -> i32 {
    let address = Address::from_v4_word(read!(ctx.sock => src_ip4));
    bound(&ctx, address, FAMILY_V4)
}

/// As [`post_bind4`].
#[cgroup_sock(post_bind6)]
pub fn post_bind6(ctx: SockContext) -> i32 {
    let address = Address::from_words([
        read!(ctx.sock => src_ip6[0]),
        read!(ctx.sock => src_ip6[1]),
        read!(ctx.sock => src_ip6[2]),
        read!(ctx.sock => src_ip6[3]),
    ]);
    bound(&ctx, address, FAMILY_V6)
}

#[inline(always)]
fn bound(ctx: &SockContext, address: Address, family: u8) -> i32 {
    let asked = Asked {
        address,
        port: narrow(read!(ctx.sock => src_port)),
        protocol: narrow(read!(ctx.sock => protocol)),
        family,
        kind: narrow8(read!(ctx.sock => type_)),
    };
    admit(ctx, &asked)
}

#[inline(always)]
fn admit(ctx: &impl aya_ebpf::EbpfContext, asked: &Asked) -> i32 {
    let taken = maps::settings().port;
    if taken == 0 || asked.port != taken || !(asked.is_tcp() || asked.is_udp()) {
        return 1;
    }
    tell(ctx, asked);
    0
}

/// For those in no workload: only in namespaces where the engine listens, and by one comparison for
/// every other port.
#[inline(always)]
pub fn keep_free(ctx: &SockAddrContext, read_asked: fn(&SockAddrContext) -> Asked) -> i32 {
    let taken = maps::settings().port;
    if user_port(read!(ctx.sock_addr => user_port)) != taken || taken == 0 {
        return 1;
    }
    let asked = read_asked(ctx);
    if !(asked.is_tcp() || asked.is_udp()) || !rule::is_served(caller::netns(ctx.as_ptr())) {
        return 1;
    }
    tell(ctx, &asked);
    0
}

#[inline(always)]
fn tell(ctx: &impl aya_ebpf::EbpfContext, asked: &Asked) {
    let workload = caller::workload().unwrap_or(0);
    let facts = caller::facts(ctx.as_ptr(), asked, workload);
    refuse::tell(facts, Hook::Bind, Reason::EnginePort);
}
