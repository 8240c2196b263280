//! `getpeername()`: show the client the destination that it asked for, not the engine.
//!
//! Known limit: `getsockname()` still shows a loopback source address.

use aya_ebpf::{macros::cgroup_sock_addr, programs::SockAddrContext};
use weir_abi::ConnectFacts;

use crate::{
    context::{socket, to_user_port, write},
    maps::PENDING,
    storage,
};

#[cgroup_sock_addr(getpeername4)]
pub fn getpeername4(ctx: SockAddrContext) -> i32 {
    if let Some(facts) = noted(&ctx) {
        write!(ctx.sock_addr => user_ip4 = facts.address.v4_word());
        write!(ctx.sock_addr => user_port = to_user_port(facts.port));
    }
    1
}

#[cgroup_sock_addr(getpeername6)]
pub fn getpeername6(ctx: SockAddrContext) -> i32 {
    if let Some(facts) = noted(&ctx) {
        let [a, b, c, d] = facts.address.words();
        write!(ctx.sock_addr => user_ip6[0] = a);
        write!(ctx.sock_addr => user_ip6[1] = b);
        write!(ctx.sock_addr => user_ip6[2] = c);
        write!(ctx.sock_addr => user_ip6[3] = d);
        write!(ctx.sock_addr => user_port = to_user_port(facts.port));
    }
    1
}

#[inline(always)]
fn noted(ctx: &SockAddrContext) -> Option<ConnectFacts> {
    let pending = storage::get(&PENDING, socket(ctx))?;
    // SAFETY: a map value of this type, not null, alive while the program runs.
    Some(unsafe { *pending })
}
