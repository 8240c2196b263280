//! Every packet a tagged cgroup sends: TCP and redirected datagrams to the engine pass, all else is
//! dropped. The backstop behind the other hooks: it also stops answers to connections from outside,
//! source-routed packets, packets turned to a device and protocols that no other hook sees.

use aya_ebpf::{
    EbpfContext as _,
    bindings::bpf_sock,
    helpers::generated::{
        bpf_get_socket_cookie, bpf_ktime_get_boot_ns, bpf_skb_ancestor_cgroup_id, bpf_skb_cgroup_id,
    },
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use weir_abi::{
    Address, ConnectFacts, FAMILY_NONE, FAMILY_V4, FAMILY_V6, Hook, LOOPBACK_V6, MAX_CGROUP_DEPTH,
    Reason,
};

use crate::{
    context::read,
    datagram, inbound,
    maps::{self, TOLD, WORKLOADS},
    refuse, rule, storage,
};

const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const ETHERTYPE_V4: u32 = 0x0800u16.to_be() as u32;
const ETHERTYPE_V6: u32 = 0x86ddu16.to_be() as u32;

#[cgroup_skb(egress)]
pub fn egress(ctx: SkBuffContext) -> i32 {
    let packet = parse(&ctx).unwrap_or(Packet::UNREADABLE);
    match admit(&ctx, &packet) {
        Ok(()) => 1,
        Err(reason) => {
            tell(&ctx, &packet, reason);
            0
        }
    }
}

/// The little of a packet that the rule looks at.
struct Packet {
    destination: Address,
    source: Address,
    port: u16,
    source_port: u16,
    protocol: u8,
    family: u8,
}

impl Packet {
    const UNREADABLE: Self = Self {
        destination: Address::UNSPECIFIED,
        source: Address::UNSPECIFIED,
        port: 0,
        source_port: 0,
        protocol: 0,
        family: FAMILY_NONE,
    };
}

/// The loopback device has this number in every network namespace (net/core/dev.h,
/// `LOOPBACK_IFINDEX`).
const LOOPBACK_DEVICE: u32 = 1;

#[inline(always)]
fn admit(ctx: &SkBuffContext, packet: &Packet) -> Result<(), Reason> {
    let device = read!(ctx.skb.skb => ifindex);
    if !rule::is_engine(&maps::settings(), packet.destination, packet.port) {
        return match packet.protocol {
            PROTOCOL_TCP => inbound::admit(
                ctx,
                packet.source_port,
                packet.destination.is_loopback() && device == LOOPBACK_DEVICE,
            ),
            _ => Err(Reason::Protocol),
        };
    }
    // Any process can turn its packets to another device (IP_UNICAST_IF, IP_PKTINFO, SO_BINDTODEVICE
    // after connect). They would leave the host with a loopback destination, for whoever listens.
    if device != LOOPBACK_DEVICE {
        return Err(Reason::BoundToDevice);
    }
    // Any process can bind an IPv6 address that no interface has (IPV6_FREEBIND). What answers there,
    // be it the kernel for an engine that is down, would answer to that address: out of the host.
    // (For IPv4 the kernel routes no such packet.)
    if packet.family == FAMILY_V6 && packet.source != LOOPBACK_V6 {
        return Err(Reason::OtherSource);
    }
    match packet.protocol {
        PROTOCOL_TCP => Ok(()),
        PROTOCOL_UDP => datagram::hand_over(ctx, packet.family, packet.source, packet.source_port),
        _ => Err(Reason::Protocol),
    }
}

/// Reads a plain packet. One with IPv4 options (a source route is one), IPv6 extension headers but
/// the kernel's own, or that is a fragment is not plain, and `None`.
#[inline(always)]
fn parse(ctx: &SkBuffContext) -> Option<Packet> {
    match read!(ctx.skb.skb => protocol) {
        ETHERTYPE_V4 => parse_v4(ctx),
        ETHERTYPE_V6 => parse_v6(ctx),
        _ => None,
    }
}

/// RFC 791, section 3.1: the fixed header, and the first word of what follows, which in both TCP
/// and UDP holds the ports.
#[inline(always)]
fn parse_v4(ctx: &SkBuffContext) -> Option<Packet> {
    const VERSION_4_LENGTH_5: u8 = 0x45;
    const MORE_OR_OFFSET: u16 = 0x3fff;
    let [first, fragment, protocol, source, destination, ports]: [u32; 6] = ctx.load(0).ok()?;
    let [version_length, ..] = first.to_ne_bytes();
    let [_, _, flags_high, flags_low] = fragment.to_ne_bytes();
    let [_, protocol, ..] = protocol.to_ne_bytes();
    if version_length != VERSION_4_LENGTH_5
        || u16::from_be_bytes([flags_high, flags_low]) & MORE_OR_OFFSET != 0
    {
        return None;
    }
    let [source_port, port] = both_ports(protocol, ports);
    Some(Packet {
        destination: Address::from_v4_word(destination),
        source: Address::from_v4_word(source),
        port,
        source_port,
        protocol,
        family: FAMILY_V4,
    })
}

/// RFC 8200, section 3: the fixed header, and the first word of what follows.
#[inline(always)]
fn parse_v6(ctx: &SkBuffContext) -> Option<Packet> {
    let [first, length_next, e, f, g, h, a, b, c, d, ports]: [u32; 11] = ctx.load(0).ok()?;
    let [version, ..] = first.to_ne_bytes();
    let [_, _, next_header, _] = length_next.to_ne_bytes();
    if version >> 4 != 6 {
        return None;
    }
    let (next_header, ports) = match next_header {
        HOP_BY_HOP => after_jumbo(ctx)?,
        _ => (next_header, ports),
    };
    let [source_port, port] = both_ports(next_header, ports);
    Some(Packet {
        destination: Address::from_words([a, b, c, d]),
        source: Address::from_words([e, f, g, h]),
        port,
        source_port,
        protocol: next_header,
        family: FAMILY_V6,
    })
}

/// Next header number of hop-by-hop options (RFC 8200, section 4.3).
const HOP_BY_HOP: u8 = 0;

/// What follows the one extension header that the kernel puts in by itself: the length of a packet of
/// more than 64 KiB (RFC 2675), which it makes of a stream over loopback to be cut later.
#[inline(always)]
fn after_jumbo(ctx: &SkBuffContext) -> Option<(u8, u32)> {
    const NO_MORE_WORDS: u8 = 0;
    const JUMBO: u8 = 0xc2;
    const JUMBO_LENGTH: u8 = 4;
    let [options, _, ports]: [u32; 3] = ctx.load(40).ok()?;
    let [next_header, more, option, length] = options.to_ne_bytes();
    let is_jumbo = more == NO_MORE_WORDS && option == JUMBO && length == JUMBO_LENGTH;
    is_jumbo.then_some((next_header, ports))
}

/// Source and destination port, where the protocol has them in that place.
#[inline(always)]
fn both_ports(protocol: u8, ports: u32) -> [u16; 2] {
    let [source_high, source_low, high, low] = ports.to_ne_bytes();
    match protocol {
        PROTOCOL_TCP | PROTOCOL_UDP => [
            u16::from_be_bytes([source_high, source_low]),
            u16::from_be_bytes([high, low]),
        ],
        _ => [0, 0],
    }
}

/// Between two events about one socket, in nanoseconds: a retransmitting or chatty socket is told
/// once a second, so that it can't crowd out the others.
const QUIET_NS: u64 = 1_000_000_000;

#[inline(always)]
fn tell(ctx: &SkBuffContext, packet: &Packet, reason: Reason) {
    let socket: *mut bpf_sock = read!(ctx.skb.skb => __bindgen_anon_2.sk);
    let Some(last) = storage::get_or_create(&TOLD, socket) else {
        return;
    };
    // SAFETY: takes nothing, returns a number.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    // SAFETY: a map value of this type, not null, alive while the program runs. Two processors
    // racing here tell twice, which is harmless.
    let before = unsafe { core::ptr::replace(last, now) };
    if now.wrapping_sub(before) < QUIET_NS {
        // SAFETY: as above.
        unsafe { *last = before };
        return;
    }
    // SAFETY: the context this program was called with.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    // SAFETY: the context this program was called with.
    let cgroup = unsafe { bpf_skb_cgroup_id(ctx.skb.skb) };
    // A packet has no calling task: it may leave long after the call, or without one.
    let facts = ConnectFacts {
        address: packet.destination,
        cookie,
        netns: 0,
        cgroup,
        workload: workload(ctx),
        boot_ns: now,
        tgid: 0,
        tid: 0,
        uid: 0,
        gid: 0,
        port: packet.port,
        protocol: u16::from(packet.protocol),
        family: packet.family,
        kind: 0,
        padding: [0; 6],
        comm: [0; 16],
    };
    refuse::tell(facts, Hook::Egress, reason);
}

/// The tagged cgroup of the packet's socket; 0 if it is in none.
#[inline(always)]
pub fn workload(ctx: &SkBuffContext) -> u64 {
    let mut found = 0;
    for level in 0..MAX_CGROUP_DEPTH {
        // SAFETY: the context this program was called with; 0 where there is no such level.
        let id = unsafe { bpf_skb_ancestor_cgroup_id(ctx.skb.skb, level.cast_signed()) };
        if id != 0 && WORKLOADS.get_ptr(id).is_some() {
            found = id;
        }
    }
    found
}
