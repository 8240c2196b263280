//! Sending a socket to the engine: its destination written over, the same way for `connect` and for
//! a message.

use aya_ebpf::programs::SockAddrContext;
use weir_abi::{LOOPBACK_V4, LOOPBACK_V6};

use crate::{
    context::{Asked, to_user_port, write},
    maps,
};

/// To the engine at this port, in an IPv4 address hook.
#[inline(always)]
pub fn v4(ctx: &SockAddrContext, port: u16) {
    write!(ctx.sock_addr => user_ip4 = LOOPBACK_V4.v4_word());
    write!(ctx.sock_addr => user_port = to_user_port(port));
}

/// To the engine at this port, in an IPv6 address hook.
#[inline(always)]
pub fn v6(ctx: &SockAddrContext, asked: &Asked, port: u16) {
    // A v4-mapped destination is IPv4 by an IPv6 socket, which may be bound to a mapped address: it
    // must stay mapped to be routable.
    let engine = if asked.address.is_v4() {
        LOOPBACK_V4
    } else {
        LOOPBACK_V6
    };
    let [a, b, c, d] = engine.words();
    write!(ctx.sock_addr => user_ip6[0] = a);
    write!(ctx.sock_addr => user_ip6[1] = b);
    write!(ctx.sock_addr => user_ip6[2] = c);
    write!(ctx.sock_addr => user_ip6[3] = d);
    write!(ctx.sock_addr => user_port = to_user_port(port));
}

/// A refusal, in an IPv4 address hook. It is the verdict that refuses; the destination is written over
/// all the same, because what is attached to the root runs next, verdict or not, and is to see that
/// this socket has been judged.
#[inline(always)]
pub fn nowhere_v4(ctx: &SockAddrContext) -> i32 {
    v4(ctx, maps::settings().port);
    0
}

/// As [`nowhere_v4`], in an IPv6 address hook.
#[inline(always)]
pub fn nowhere_v6(ctx: &SockAddrContext, asked: &Asked) -> i32 {
    v6(ctx, asked, maps::settings().port);
    0
}
