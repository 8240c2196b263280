//! `connect()`, and whatever implies one: a TCP socket, and a datagram socket for a resolver or a
//! declared target, is noted and sent to the engine, anything else is refused with EPERM.

use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_setsockopt, macros::cgroup_sock_addr,
    programs::SockAddrContext,
};
use weir_abi::{Address, FAMILY_V6, Hook, LOOPBACK_V6, Reason};

use crate::{
    caller,
    context::{Asked, asked_v4, asked_v6, read, socket},
    note, redirect, refuse,
    rule::{self, Ruling},
};

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    match admit(&ctx, &asked_v4(&ctx).as_destination()) {
        Way::Engine(port) => {
            redirect::v4(&ctx, port);
            1
        }
        Way::Nowhere => redirect::nowhere_v4(&ctx),
    }
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    let asked = asked_v6(&ctx).as_destination();
    match admit(&ctx, &asked) {
        Way::Engine(port) => {
            redirect::v6(&ctx, &asked, port);
            1
        }
        Way::Nowhere => redirect::nowhere_v6(&ctx, &asked),
    }
}

enum Way {
    Engine(u16),
    Nowhere,
}

#[inline(always)]
fn admit(ctx: &SockAddrContext, asked: &Asked) -> Way {
    let (reason, workload) = match rule::on(ctx.as_ptr(), asked) {
        Ruling::Redirect { port, workload } => match note(ctx, asked, workload) {
            Ok(()) => return Way::Engine(port),
            Err(reason) => (reason, workload),
        },
        Ruling::Refuse { reason, workload } => (reason, workload),
    };
    refuse::tell(
        caller::facts(ctx.as_ptr(), asked, workload),
        Hook::Connect,
        reason,
    );
    Way::Nowhere
}

#[inline(always)]
fn note(ctx: &SockAddrContext, asked: &Asked, workload: u64) -> Result<(), Reason> {
    unbind_device(ctx)?;
    check_source(ctx, asked)?;
    note::leave(ctx, asked, workload)
}

/// A socket bound to an address from which egress lets nothing pass is refused here, where the caller
/// is told at once.
#[inline(always)]
fn check_source(ctx: &SockAddrContext, asked: &Asked) -> Result<(), Reason> {
    let socket = socket(ctx);
    if socket.is_null() || asked.family != FAMILY_V6 || asked.address.is_v4() {
        return Ok(());
    }
    let source = Address::from_words([
        read!(socket => src_ip6[0]),
        read!(socket => src_ip6[1]),
        read!(socket => src_ip6[2]),
        read!(socket => src_ip6[3]),
    ]);
    if source == Address::UNSPECIFIED || source == LOOPBACK_V6 {
        Ok(())
    } else {
        Err(Reason::OtherSource)
    }
}

const SOL_SOCKET: i32 = 1;
const SO_BINDTODEVICE: i32 = 25;

/// Undoes `SO_BINDTODEVICE`: a socket bound to another device never reaches loopback. The kernel
/// lets go of a device only for a caller with CAP_NET_RAW, in this helper too; anyone else who
/// bound one is refused, and told why.
#[inline(always)]
fn unbind_device(ctx: &SockAddrContext) -> Result<(), Reason> {
    let socket = socket(ctx);
    if socket.is_null() {
        return Err(Reason::NoRoom);
    }
    if read!(socket => bound_dev_if) == 0 {
        return Ok(());
    }
    let mut no_device = 0u8;
    // SAFETY: the context this program was called with, and one readable byte: an empty name.
    let outcome = unsafe {
        bpf_setsockopt(
            ctx.as_ptr(),
            SOL_SOCKET,
            SO_BINDTODEVICE,
            (&raw mut no_device).cast(),
            1,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(Reason::BoundToDevice)
    }
}
