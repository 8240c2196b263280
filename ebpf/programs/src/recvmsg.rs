//! `recvfrom()`, `recvmsg()`, `recvmmsg()` on a datagram socket: the engine's answer seems to come
//! from where the socket sent, as a resolver's client demands. Nothing is refused here.

use aya_ebpf::{macros::cgroup_sock_addr, programs::SockAddrContext};

use crate::{
    context::{asked_v4, asked_v6, socket, to_user_port, write},
    datagram,
};

#[cgroup_sock_addr(recvmsg4)]
pub fn recvmsg4(ctx: SockAddrContext) -> i32 {
    if let Some((address, port)) = datagram::seems_from(socket(&ctx), &asked_v4(&ctx)) {
        write!(ctx.sock_addr => user_ip4 = address.v4_word());
        write!(ctx.sock_addr => user_port = to_user_port(port));
    }
    1
}

#[cgroup_sock_addr(recvmsg6)]
pub fn recvmsg6(ctx: SockAddrContext) -> i32 {
    if let Some((address, port)) = datagram::seems_from(socket(&ctx), &asked_v6(&ctx)) {
        let [a, b, c, d] = address.words();
        write!(ctx.sock_addr => user_ip6[0] = a);
        write!(ctx.sock_addr => user_ip6[1] = b);
        write!(ctx.sock_addr => user_ip6[2] = c);
        write!(ctx.sock_addr => user_ip6[3] = d);
        write!(ctx.sock_addr => user_port = to_user_port(port));
    }
    1
}
