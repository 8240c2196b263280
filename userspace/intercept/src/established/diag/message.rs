//! Messages of `NETLINK_SOCK_DIAG` (sock_diag(7), include/uapi/linux/inet_diag.h), to bytes and back.
//!
//! Not its job: sending and receiving. What the kernel says is read as defensively as what a peer
//! says: every length is checked, and what does not fit is an error, never a guess.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::CgroupId;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x01;
const NLM_F_ACK: u16 = 0x04;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
const INET_DIAG_CGROUP_ID: u16 = 21;
/// The bits of an attribute's type that are not flags.
const NLA_TYPE_MASK: u16 = 0x3fff;

/// struct nlmsghdr
const HEADER: usize = 16;
/// struct `inet_diag_sockid`
const SOCKID: usize = 48;
/// struct `inet_diag_req_v2`
const REQUEST: usize = HEADER + 8 + SOCKID;
/// struct `inet_diag_msg`
const ENTRY: usize = 4 + SOCKID + 20;

/// The state of a listening socket (include/net/tcp_states.h).
pub(in crate::established) const LISTEN: u8 = 10;
/// The state of a socket that is connected to nothing.
pub(in crate::established) const CLOSE: u8 = 7;
/// Every state but `TIME_WAIT` (6) and `NEW_SYN_RECV` (12): behind those there is no socket.
const STATES: u32 = 0b1111_1011_1110;

/// A message that does not have the shape it must have.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the kernel's answer about sockets can't be read")]
pub(in crate::established) struct Malformed;

/// How the kernel names a socket, kept as it came: it is handed back as it was.
pub(in crate::established) type SocketId = [u8; SOCKID];

/// One socket of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::established) struct Entry {
    pub(in crate::established) family: u8,
    pub(in crate::established) state: u8,
    pub(in crate::established) id: SocketId,
    pub(in crate::established) local: SocketAddr,
    pub(in crate::established) remote: SocketAddr,
    /// 0 where no process holds it any more.
    pub(in crate::established) inode: u64,
    /// `None` where the kernel does not say.
    pub(in crate::established) cgroup: Option<CgroupId>,
}

/// What one message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Entry(Entry),
    /// The end of a dump, or the answer to a request: 0, or an error number.
    End(i32),
    /// A kind that was not asked for.
    Other,
}

/// One message of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) sequence: u32,
    /// The table changed while it was dumped.
    pub(super) interrupted: bool,
    pub(super) said: Said,
}

/// Asks for every socket of a family and protocol.
pub(super) fn dump(sequence: u32, family: u8, protocol: u8) -> Vec<u8> {
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    request(
        SOCK_DIAG_BY_FAMILY,
        flags,
        sequence,
        family,
        protocol,
        &[0; SOCKID],
    )
}

/// Asks to end a socket as if its connection had been aborted.
pub(super) fn destroy(sequence: u32, family: u8, protocol: u8, id: &SocketId) -> Vec<u8> {
    let flags = NLM_F_REQUEST | NLM_F_ACK;
    request(SOCK_DESTROY, flags, sequence, family, protocol, id)
}

fn request(
    kind: u16,
    flags: u16,
    sequence: u32,
    family: u8,
    protocol: u8,
    id: &SocketId,
) -> Vec<u8> {
    let length = u32::try_from(REQUEST).unwrap_or_default();
    let mut bytes = Vec::with_capacity(REQUEST);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend([family, protocol, 0, 0]);
    bytes.extend(STATES.to_ne_bytes());
    bytes.extend(id);
    bytes
}

/// The messages of one datagram.
pub(super) fn parse(datagram: &[u8]) -> Messages<'_> {
    Messages { rest: datagram }
}

/// See [`parse`]. Ends after the first message that is malformed.
pub(super) struct Messages<'a> {
    rest: &'a [u8],
}

impl Iterator for Messages<'_> {
    type Item = Result<Message, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = one(self.rest);
        self.rest = parsed.as_ref().map_or(&[], |(_, rest)| rest);
        Some(parsed.map(|(message, _)| message).ok_or(Malformed))
    }
}

fn one(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..length)?;
    let said = match u16_at(bytes, 4)? {
        SOCK_DIAG_BY_FAMILY => Said::Entry(entry(body)?),
        // Negated error number, and the request it is about.
        NLMSG_ERROR => Said::End(i32_at(body, 0)?.checked_neg()?),
        // With a number of its own since 4.16 or so; before, with none.
        NLMSG_DONE => Said::End(i32_at(body, 0).unwrap_or(0).checked_neg()?),
        _ => Said::Other,
    };
    let message = Message {
        sequence: u32_at(bytes, 8)?,
        interrupted: u16_at(bytes, 6)? & NLM_F_DUMP_INTR != 0,
        said,
    };
    Some((message, bytes.get(aligned(length)?..).unwrap_or(&[])))
}

fn entry(body: &[u8]) -> Option<Entry> {
    let fixed = body.get(..ENTRY)?;
    let (family, state) = (*fixed.first()?, *fixed.get(1)?);
    let id: SocketId = fixed.get(4..4 + SOCKID)?.try_into().ok()?;
    Some(Entry {
        family,
        state,
        id,
        local: address(family, &id, 0, 4)?,
        remote: address(family, &id, 2, 20)?,
        inode: u64::from(u32_at(fixed, ENTRY - 4)?),
        cgroup: attribute(body.get(ENTRY..)?, INET_DIAG_CGROUP_ID)?
            .and_then(|value| value.try_into().ok())
            .map(|value| CgroupId::new(u64::from_ne_bytes(value))),
    })
}

/// A v4-mapped address is given as the IPv4 one it stands for.
fn address(family: u8, id: &SocketId, port_at: usize, address_at: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(id.get(port_at..)?.first_chunk().copied()?);
    let bytes: [u8; 16] = id.get(address_at..)?.first_chunk().copied()?;
    let [a, b, c, d, ..] = bytes;
    let ip = match i32::from(family) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        libc::AF_INET6 => Ipv6Addr::from(bytes).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The value of an attribute; the outer `None` says that the attributes are malformed.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<Option<&[u8]>> {
    while !rest.is_empty() {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(4..length)?;
        if u16_at(rest, 2)? & NLA_TYPE_MASK == wanted {
            return Some(Some(value));
        }
        rest = rest.get(aligned(length)?..).unwrap_or(&[]);
    }
    Some(None)
}

/// Messages and attributes begin at multiples of four bytes.
fn aligned(length: usize) -> Option<usize> {
    length.checked_next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

#[cfg(test)]
mod tests;
