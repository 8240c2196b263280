//! One TCP connection on its way to the engine, as both ends can name it.

use crate::Address;

/// The key under which the client's side leaves its facts for the engine's side to pick up.
///
/// The client writes it when the source port is chosen and before the SYN leaves, the engine's
/// listener removes it when the handshake ends, so an entry lives for microseconds.
/// One whose SYN is never sent lives as long as its socket, or until others need the room.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// The network namespace's cookie, or zero where the kernel can't tell it in `sock_ops`.
    pub netns: u64,
    /// The client's address.
    pub source: Address,
    /// The address it was redirected to.
    pub destination: Address,
    /// The client's port, host byte order.
    pub source_port: u16,
    /// The engine's port, host byte order.
    pub destination_port: u16,
    /// Always zero: it is part of the key.
    pub padding: u32,
}

const _: () = assert!(size_of::<FlowKey>() == 48 && align_of::<FlowKey>() == 8);
