//! Answers to connections from outside, at the ports that are declared for a workload.
//!
//! What passes is told by the socket, not by the port alone: a socket that listens, which sends the
//! second packet of a handshake and no other, or one that came out of such a handshake. A socket that
//! dials out from a declared port is neither: it was sent to the engine, and nothing else of it
//! passes.
//!
//! Known limit: a socket that was dialling out from a declared port in the very moment it was tagged,
//! and is met half-way by a peer that dials it (simultaneous open, RFC 9293, section 3.5), is taken
//! for one that answers. Userspace closes such sockets when it tags.

use aya_ebpf::{bindings::bpf_sock, programs::SkBuffContext};
use weir_abi::{INBOUND_ANY, INBOUND_LOOPBACK, InboundKey, Reason};

use crate::{
    context::read,
    egress,
    maps::{ANSWERS, INBOUND},
    storage,
};

/// `TCP_LISTEN`, include/net/tcp_states.h.
const LISTENING: u32 = 10;

/// Marks a socket of a workload as one that came out of a handshake that another began. Which
/// workload is not known here; the first packet finds out.
#[inline(always)]
pub fn answers(socket: *mut bpf_sock) {
    // Without memory for the mark nothing passes.
    let _marked = storage::get_or_create(&ANSWERS, socket);
}

/// Whether a TCP packet to elsewhere than the engine is an answer that may pass. `stays` says that it
/// goes to this host by way of the loopback device.
#[inline(always)]
pub fn admit(ctx: &SkBuffContext, source_port: u16, stays: bool) -> Result<(), Reason> {
    let socket: *mut bpf_sock = read!(ctx.skb.skb => __bindgen_anon_2.sk);
    if socket.is_null() {
        return Err(Reason::Protocol);
    }
    let state = read!(socket => state);
    let workload = match storage::get(&ANSWERS, socket) {
        Some(found) => known(ctx, found),
        None if state == LISTENING => egress::workload(ctx),
        None => return Err(Reason::Protocol),
    };
    let key = InboundKey {
        workload,
        port: source_port,
        padding: [0; 6],
    };
    // SAFETY: one byte, read at once.
    match unsafe { INBOUND.get(key) } {
        Some(&INBOUND_ANY) => Ok(()),
        Some(&INBOUND_LOOPBACK) if stays => Ok(()),
        _ => Err(Reason::Inbound),
    }
}

/// The workload of a marked socket, looked up once.
#[inline(always)]
fn known(ctx: &SkBuffContext, found: *mut u64) -> u64 {
    // SAFETY: a map value of this type, not null, alive while the program runs. Two processors that
    // race here write the same number.
    let workload = unsafe { *found };
    if workload != 0 {
        return workload;
    }
    let workload = egress::workload(ctx);
    // SAFETY: as above.
    unsafe { *found = workload };
    workload
}
