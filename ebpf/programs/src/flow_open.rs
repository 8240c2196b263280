//! The client's end of a redirected connection: leave the facts under the connection's name before
//! the SYN is sent, and take them away if the connection ends before the engine did. And a connection
//! that another began is marked as one.
//!
//! This hook can't refuse. Where it can't note, the engine finds no facts on the accepted socket
//! and drops the connection.

use aya_ebpf::{
    bindings::{
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_STATE_CB_FLAG,
        BPF_SOCK_OPS_TCP_CONNECT_CB,
    },
    helpers::generated::bpf_get_socket_cookie,
    macros::sock_ops,
    programs::SockOpsContext,
};
use aya_log_ebpf::debug;
use weir_abi::{Hook, ProcessKey, Reason};

use crate::{
    context::read,
    flow, inbound,
    maps::{FLOWS, PENDING, PROCESSES},
    refuse, storage,
};

const STATE_CHANGE: u32 = aya_ebpf::bindings::BPF_SOCK_OPS_STATE_CB;
const TCP_CLOSE: u32 = 7;

#[sock_ops]
pub fn flow_open(ctx: SockOpsContext) -> u32 {
    let op = read!(ctx.ops => op);
    let new_state = read!(ctx.ops => __bindgen_anon_1.args[1]);
    if op == BPF_SOCK_OPS_TCP_CONNECT_CB {
        open(&ctx);
    } else if op == STATE_CHANGE && new_state == TCP_CLOSE {
        close(&ctx);
    } else if op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB {
        inbound::answers(flow::socket(&ctx));
    }
    1
}

#[inline(always)]
fn open(ctx: &SockOpsContext) {
    let Some(pending) = storage::get(&PENDING, flow::socket(ctx)) else {
        return;
    };
    // SAFETY: a map value of this type, not null, alive while the program runs.
    let facts = unsafe { *pending };
    let ends = flow::ends(ctx);
    // Ask to be told of the end first: an entry that nothing would remove must not be made.
    let flags = ctx.cb_flags() | BPF_SOCK_OPS_STATE_CB_FLAG;
    let watched = ctx.set_cb_flags(flags.cast_signed()).is_ok();
    if !watched || FLOWS.insert(ends.key_at_client(), facts, 0).is_err() {
        refuse::tell(facts, Hook::Handover, Reason::NoRoom);
        return;
    }
    debug!(
        ctx,
        "socket {} leaves port {} for the engine", facts.cookie, ends.local.port
    );
}

#[inline(always)]
fn close(ctx: &SockOpsContext) {
    let key = flow::ends(ctx).key_at_client();
    let Some(facts) = flow::noted(&key) else {
        return;
    };
    // SAFETY: the context this program was called with.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.ops.cast()) };
    if facts.cookie == cookie {
        // Nobody will ask who dialled what never arrived. Already gone is as good.
        let _gone = PROCESSES.remove(ProcessKey::of(&facts));
        let _gone = FLOWS.remove(key);
    }
}
