//! Naming a connection the same way from both of its ends.

use aya_ebpf::{
    bindings::{bpf_sock, bpf_sock_ops},
    helpers::generated::bpf_get_netns_cookie,
    programs::SockOpsContext,
};
use weir_abi::{Address, ConnectFacts, FlowKey};

use crate::{
    context::{narrow, read},
    maps::{FLOWS, NETNS_IN_SOCK_OPS},
};

/// One end of a connection.
#[derive(Clone, Copy)]
pub struct End {
    address: Address,
    pub port: u16,
}

/// Both ends, as this socket sees them.
pub struct Ends {
    pub local: End,
    pub remote: End,
    netns: u64,
}

impl Ends {
    /// The key, seen from the client's socket.
    #[inline(always)]
    pub fn key_at_client(&self) -> FlowKey {
        key(self.netns, self.local, self.remote)
    }

    /// The key, seen from the engine's accepted socket.
    #[inline(always)]
    pub fn key_at_engine(&self) -> FlowKey {
        key(self.netns, self.remote, self.local)
    }
}

#[inline(always)]
fn key(netns: u64, source: End, destination: End) -> FlowKey {
    FlowKey {
        netns,
        source: source.address,
        destination: destination.address,
        source_port: source.port,
        destination_port: destination.port,
        padding: 0,
    }
}

const AF_INET: u32 = 2;

/// Reads both ends. An IPv6 socket on an IPv4 connection has v4-mapped addresses, which is how
/// [`Address`] writes IPv4: its key is the one the IPv4 socket at the other end makes.
#[inline(always)]
pub fn ends(ctx: &SockOpsContext) -> Ends {
    let ops = ctx.ops;
    let family = read!(ops => family);
    let local4 = read!(ops => local_ip4);
    let remote4 = read!(ops => remote_ip4);
    let local6 = [
        read!(ops => local_ip6[0]),
        read!(ops => local_ip6[1]),
        read!(ops => local_ip6[2]),
        read!(ops => local_ip6[3]),
    ];
    let remote6 = [
        read!(ops => remote_ip6[0]),
        read!(ops => remote_ip6[1]),
        read!(ops => remote_ip6[2]),
        read!(ops => remote_ip6[3]),
    ];
    let local_port = read!(ops => local_port);
    let remote_port = read!(ops => remote_port);
    let address = |v4, v6| {
        if family == AF_INET {
            Address::from_v4_word(v4)
        } else {
            Address::from_words(v6)
        }
    };
    Ends {
        local: End {
            address: address(local4, local6),
            port: narrow(local_port),
        },
        // The kernel gives the local port in host order, the remote one in network order.
        remote: End {
            address: address(remote4, remote6),
            port: narrow(u32::from_be(remote_port)),
        },
        netns: netns(ops),
    }
}

/// The socket the event is about; null when it is not a full socket.
#[inline(always)]
pub fn socket(ctx: &SockOpsContext) -> *mut bpf_sock {
    read!(ctx.ops => __bindgen_anon_2.sk)
}

#[inline(always)]
fn netns(ops: *mut bpf_sock_ops) -> u64 {
    if NETNS_IN_SOCK_OPS.load() == 0 {
        return 0;
    }
    // SAFETY: the context this program was called with.
    unsafe { bpf_get_netns_cookie(ops.cast()) }
}

/// What was noted of the connection of this name.
///
/// The oldest entries make room for new ones, so this one may become another connection's while it is
/// copied. It is taken out of the map before it is written over: what is still found under this name
/// after the copy was not touched during it.
#[inline(always)]
pub fn noted(key: &FlowKey) -> Option<ConnectFacts> {
    let found = FLOWS.get_ptr(key)?;
    // SAFETY: a map value of this type, not null; its memory stays a value's while the program runs.
    let facts = unsafe { *found };
    let again = FLOWS.get_ptr(key)?;
    // SAFETY: as above.
    let cookie = unsafe { (*again).cookie };
    // SAFETY: as above.
    let boot_ns = unsafe { (*again).boot_ns };
    (cookie == facts.cookie && boot_ns == facts.boot_ns).then_some(facts)
}
