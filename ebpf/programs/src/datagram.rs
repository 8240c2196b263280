//! Datagrams: a question to a resolver, whichever it is, and what is for a target that is declared for
//! the workload go to the engine, and what the engine answers seems to come from there. No other
//! datagram leaves.
//!
//! A datagram has no handshake in which its two ends could be told of each other. So what the
//! address hooks noted on the socket is left for the engine when the datagram passes egress: of a
//! question under its own name, which is its namespace, source and DNS id; of any other under its
//! [`source`]. The engine asks by the same name when it has received it.
//!
//! Known limits: a socket carries one note. Of one that asks several resolvers, or is used by
//! several processes, the last call stands: its answers seem to come from the resolver that was
//! asked last. Two datagrams of one source and one id are one: the engine takes the first. So are the
//! segments that the kernel cuts one large question into (`UDP_SEGMENT`): all but the first are
//! dropped. A resolver at a link-local address can be asked by a connected socket only. A socket that
//! is connected to a target sends to no other.

use aya_ebpf::{
    bindings::bpf_sock, helpers::generated::bpf_ktime_get_boot_ns, programs::SkBuffContext,
};
use weir_abi::{
    Address, ConnectFacts, DNS_PORT, DatagramKey, DatagramTargetKey, FAMILY_V6, QUIET_NS, Reason,
    SourceKey,
};

use crate::{
    context::{Asked, UDP, read},
    maps::{self, DATAGRAM_TARGETS, DATAGRAMS, NETNS_IN_SOCK_OPS, PENDING},
    rule, source, storage,
};

/// `TCP_ESTABLISHED`, which is also how the kernel calls a connected datagram socket.
const CONNECTED: u32 = 1;

/// Whether this is a question to a resolver, or for a target that is declared for the workload.
#[inline(always)]
pub fn may_leave(asked: &Asked, workload: u64) -> bool {
    asked.is_udp() && (asked.port == DNS_PORT || is_target(workload, asked.address, asked.port))
}

#[inline(always)]
fn is_target(workload: u64, address: Address, port: u16) -> bool {
    let key = DatagramTargetKey {
        workload,
        address,
        port,
        padding: [0; 6],
    };
    DATAGRAM_TARGETS.get_ptr(key).is_some()
}

/// Whether a message to there could not be told from what the socket sends to another target: it is
/// connected to that, or has named it just now. Of several resolvers each may be asked.
#[inline(always)]
pub fn is_for_another(socket: *mut bpf_sock, asked: &Asked) -> bool {
    if socket.is_null() {
        return true;
    }
    let state = read!(socket => state);
    let Some(note) = noted(socket) else {
        return false;
    };
    // SAFETY: a map value of this type, not null, alive while the program runs.
    let note = unsafe { &*note };
    let same = note.port == asked.port && (note.port == DNS_PORT || note.address == asked.address);
    // SAFETY: takes nothing, returns a number.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    !same && (state == CONNECTED || now.wrapping_sub(note.boot_ns) < QUIET_NS)
}

/// Whether a message names the engine because the connect hook sent its socket there: of an IPv6
/// socket that is connected to a v4-mapped address, the kernel asks about each message once more.
#[inline(always)]
pub fn is_redirected(socket: *mut bpf_sock, asked: &Asked) -> bool {
    !socket.is_null()
        && read!(socket => state) == CONNECTED
        && rule::is_engine(&maps::settings(), asked.address, asked.port)
        && noted(socket).is_some()
}

/// Where a datagram `from` somewhere is to seem to come from: where the socket sent, if it is
/// the engine that answered.
#[inline(always)]
pub fn seems_from(socket: *mut bpf_sock, from: &Asked) -> Option<(Address, u16)> {
    if !rule::is_engine(&maps::settings(), from.address, from.port) {
        return None;
    }
    let note = noted(socket)?;
    // SAFETY: a map value of this type, not null, alive while the program runs.
    let note = unsafe { &*note };
    Some((note.address, note.port))
}

/// Leaves the facts of a datagram to the engine where the engine will look for them.
#[inline(always)]
pub fn hand_over(
    ctx: &SkBuffContext,
    family: u8,
    source: Address,
    source_port: u16,
) -> Result<(), Reason> {
    let socket: *mut bpf_sock = read!(ctx.skb.skb => __bindgen_anon_2.sk);
    // No hook has sent this socket to the engine: it went there on its own.
    let note = noted(socket).ok_or(Reason::EnginePort)?;
    // SAFETY: a map value of this type, not null, alive while the program runs. Another thread that
    // asks by the same socket at this moment may write it: known limits.
    let facts = unsafe { &*note };
    let netns = if NETNS_IN_SOCK_OPS.load() == 0 {
        0
    } else {
        facts.netns
    };
    let is_question = facts.port == DNS_PORT;
    // It may have been withdrawn since the socket was connected.
    if !is_question && !is_target(facts.workload, facts.address, facts.port) {
        return Err(Reason::Protocol);
    }
    source::claim(
        &SourceKey {
            netns,
            address: source,
            port: source_port,
            padding: [0; 6],
        },
        facts,
    )?;
    if !is_question {
        return Ok(());
    }
    let lead = lead(ctx, family).ok_or(Reason::Protocol)?;
    let key = DatagramKey {
        netns,
        source,
        source_port,
        lead,
        padding: 0,
    };
    DATAGRAMS
        .insert(key, facts, 0)
        .map_err(|_full| Reason::NoRoom)
}

/// What the hooks noted on a datagram socket.
#[inline(always)]
fn noted(socket: *mut bpf_sock) -> Option<*mut ConnectFacts> {
    let note = storage::get(&PENDING, socket)?;
    // SAFETY: a map value of this type, not null, alive while the program runs.
    let protocol = unsafe { (*note).protocol };
    (protocol == UDP).then_some(note)
}

/// The first two bytes behind plain headers (RFC 791, section 3.1; RFC 8200, section 3; RFC 768).
/// `None`: there are fewer than four, so it is no DNS message.
#[inline(always)]
fn lead(ctx: &SkBuffContext, family: u8) -> Option<[u8; 2]> {
    const UDP_HEADER: usize = 8;
    let header = if family == FAMILY_V6 { 40 } else { 20 };
    let [first, second, _, _]: [u8; 4] = ctx.load(header + UDP_HEADER).ok()?;
    Some([first, second])
}
