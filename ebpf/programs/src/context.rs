//! Reading the kernel's contexts.
//!
//! The verifier only admits context accesses at a constant offset and width. LLVM, left alone,
//! merges the loads of two branches into one at a computed offset, or narrows them; so every field
//! is read through a volatile load, and a snapshot reads all it needs before any branch.

use aya_ebpf::{bindings::bpf_sock, programs::SockAddrContext};
use weir_abi::{Address, FAMILY_V4, FAMILY_V6};

/// A volatile load of one context field: `read!(pointer => field.path)`.
macro_rules! read {
    ($pointer:expr => $($field:tt)+) => {{
        let pointer = $pointer;
        // SAFETY: the kernel hands a valid context; the verifier checks this offset and width.
        unsafe { core::ptr::read_volatile(&raw const (*pointer).$($field)+) }
    }};
}

/// A volatile store to one context field: `write!(pointer => field = value)`.
macro_rules! write {
    ($pointer:expr => $field:ident $([$index:literal])? = $value:expr) => {{
        let pointer = $pointer;
        let value = $value;
        // SAFETY: the kernel hands a valid context; the verifier checks that it may be written.
        unsafe { core::ptr::write_volatile(&raw mut (*pointer).$field $([$index])?, value) }
    }};
}

pub(crate) use read;
pub(crate) use write;

/// What a caller asked for, in one shape for both families.
#[derive(Clone, Copy)]
pub struct Asked {
    pub address: Address,
    pub port: u16,
    pub protocol: u16,
    pub family: u8,
    pub kind: u8,
}

const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;
const TCP: u16 = 6;
/// `IPPROTO_UDP`.
pub const UDP: u16 = 17;

impl Asked {
    /// The same, as a destination: an unspecified address is this host.
    #[inline(always)]
    pub fn as_destination(self) -> Self {
        Self {
            address: self.address.as_destination(),
            ..self
        }
    }

    /// A plain TCP socket: the only kind that is redirected.
    #[inline(always)]
    pub fn is_tcp(&self) -> bool {
        self.kind == STREAM && self.protocol == TCP
    }

    /// A plain UDP socket: the only kind of datagram socket that may be made.
    #[inline(always)]
    pub fn is_udp(&self) -> bool {
        self.kind == DATAGRAM && self.protocol == UDP
    }
}

/// A number of a context field in fewer bits; one that does not fit is none that weir knows.
#[inline(always)]
pub fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// As [`narrow`], in eight bits.
#[inline(always)]
pub fn narrow8(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The port of `user_port`: sixteen bits in network order within thirty-two.
#[inline(always)]
pub fn user_port(field: u32) -> u16 {
    let [high, low, ..] = field.to_ne_bytes();
    u16::from_be_bytes([high, low])
}

/// The reverse of [`user_port`].
#[inline(always)]
pub fn to_user_port(port: u16) -> u32 {
    u32::from(port.to_be())
}

/// What an IPv4 address hook is asked.
#[inline(always)]
pub fn asked_v4(ctx: &SockAddrContext) -> Asked {
    let raw = ctx.sock_addr;
    let word = read!(raw => user_ip4);
    let port = read!(raw => user_port);
    let kind = read!(raw => type_);
    let protocol = read!(raw => protocol);
    Asked {
        address: Address::from_v4_word(word),
        port: user_port(port),
        protocol: narrow(protocol),
        family: FAMILY_V4,
        kind: narrow8(kind),
    }
}

/// What an IPv6 address hook is asked; a v4-mapped address stays what it is, the same as IPv4's.
#[inline(always)]
pub fn asked_v6(ctx: &SockAddrContext) -> Asked {
    let raw = ctx.sock_addr;
    let a = read!(raw => user_ip6[0]);
    let b = read!(raw => user_ip6[1]);
    let c = read!(raw => user_ip6[2]);
    let d = read!(raw => user_ip6[3]);
    let port = read!(raw => user_port);
    let kind = read!(raw => type_);
    let protocol = read!(raw => protocol);
    Asked {
        address: Address::from_words([a, b, c, d]),
        port: user_port(port),
        protocol: narrow(protocol),
        family: FAMILY_V6,
        kind: narrow8(kind),
    }
}

/// The socket an address hook is about.
#[inline(always)]
pub fn socket(ctx: &SockAddrContext) -> *mut bpf_sock {
    read!(ctx.sock_addr => __bindgen_anon_1.sk)
}
