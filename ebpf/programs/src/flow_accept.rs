//! The engine's end of a redirected connection: pick the facts up under the connection's name and
//! lay them on the accepted socket, where userspace reads them. Attached to the engine's cgroup.

use aya_ebpf::{
    bindings::BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, macros::sock_ops, programs::SockOpsContext,
};
use aya_log_ebpf::debug;
use weir_abi::{Hook, Reason};

use crate::{
    context::read,
    flow,
    maps::{self, ACCEPTED, FLOWS},
    refuse, storage,
};

#[sock_ops]
pub fn flow_accept(ctx: SockOpsContext) -> u32 {
    let op = read!(ctx.ops => op);
    if op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB {
        accept(&ctx);
    }
    1
}

#[inline(always)]
fn accept(ctx: &SockOpsContext) {
    let ends = flow::ends(ctx);
    if ends.local.port != maps::settings().port {
        return;
    }
    let key = ends.key_at_engine();
    // The entry belongs to the connection whose handshake this is: its client can't have opened
    // another with the same two ends.
    let Some(facts) = flow::noted(&key) else {
        debug!(
            ctx,
            "no facts for the connection from port {}", ends.remote.port
        );
        return;
    };
    match storage::get_or_create(&ACCEPTED, flow::socket(ctx)) {
        // SAFETY: a map value of this type, not null, alive while the program runs. The socket is
        // not yet in userspace's hands.
        Some(accepted) => unsafe { *accepted = facts },
        None => refuse::tell(facts, Hook::Handover, Reason::NoRoom),
    }
    // Already gone is as good: the client's end may have closed meanwhile.
    let _gone = FLOWS.remove(key);
}
