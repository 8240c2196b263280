//! `sendto()`, `sendmsg()`, `sendmmsg()` with a destination: a question to a resolver, or what is for a
//! declared target, is noted and sent to the engine, any other datagram is refused with EPERM. (Without a destination the connect
//! hook has ruled, and the egress hook sees the packet.)

use aya_ebpf::{EbpfContext as _, macros::cgroup_sock_addr, programs::SockAddrContext};
use weir_abi::{Hook, Reason};

use crate::{
    caller,
    context::{Asked, asked_v4, asked_v6, read, socket},
    datagram, note, redirect, refuse,
    rule::{self, Ruling},
};

#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    match admit(&ctx, &asked_v4(&ctx).as_destination()) {
        Way::Engine(port) => {
            redirect::v4(&ctx, port);
            1
        }
        Way::AsAsked => 1,
        Way::Nowhere => redirect::nowhere_v4(&ctx),
    }
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    let asked = asked_v6(&ctx).as_destination();
    match admit(&ctx, &asked) {
        Way::Engine(port) => {
            redirect::v6(&ctx, &asked, port);
            1
        }
        Way::AsAsked => 1,
        Way::Nowhere => redirect::nowhere_v6(&ctx, &asked),
    }
}

enum Way {
    Engine(u16),
    AsAsked,
    Nowhere,
}

#[inline(always)]
fn admit(ctx: &SockAddrContext, asked: &Asked) -> Way {
    if datagram::is_redirected(socket(ctx), asked) {
        return Way::AsAsked;
    }
    let (reason, workload) = match rule::on(ctx.as_ptr(), asked) {
        Ruling::Redirect { port, workload } => match note(ctx, asked, workload) {
            Ok(()) => return Way::Engine(port),
            Err(reason) => (reason, workload),
        },
        Ruling::Refuse { reason, workload } => (reason, workload),
    };
    refuse::tell(
        caller::facts(ctx.as_ptr(), asked, workload),
        Hook::SendMessage,
        reason,
    );
    Way::Nowhere
}

#[inline(always)]
fn note(ctx: &SockAddrContext, asked: &Asked, workload: u64) -> Result<(), Reason> {
    let socket = socket(ctx);
    // Bound to a device, a socket never reaches loopback. Older kernels let no hook but connect's
    // undo that; a resolver's client that binds one can connect.
    if socket.is_null() || read!(socket => bound_dev_if) != 0 {
        return Err(Reason::BoundToDevice);
    }
    if datagram::is_for_another(socket, asked) {
        return Err(Reason::OtherTarget);
    }
    note::leave(ctx, asked, workload)
}
