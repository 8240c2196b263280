//! Datagram protocols beside UDP: UDP-Lite (RFC 3828), ping sockets, SCTP and DCCP.

use std::{io, net::SocketAddr};

use crate::{
    agent,
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

const IPPROTO_DCCP: i32 = 33;
const SOCK_DCCP: i32 = 6;

pub(super) const VECTOR: Vector = Vector {
    name: "other protocols",
    attempts: &[
        Attempt::new("UDP-Lite", |aim| udplite(aim.far4, aim)),
        Attempt::new("UDP-Lite, IPv6", |aim| udplite(aim.far6, aim)),
        Attempt::new("UDP-Lite to a resolver's port", |aim| {
            udplite(SocketAddr::new(aim.far4.ip(), 53), aim)
        }),
        Attempt::new("ping socket", |aim| {
            ping(aim.far4, libc::IPPROTO_ICMP, 8, aim)
        }),
        Attempt::new("ping socket, IPv6", |aim| {
            ping(aim.far6, libc::IPPROTO_ICMPV6, 128, aim)
        }),
        Attempt::new("SCTP", |aim| {
            stream(libc::SOCK_STREAM, libc::IPPROTO_SCTP, aim)
        })
        .wants("SCTP"),
        Attempt::new("SCTP, one to many", |aim| {
            stream(libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP, aim)
        })
        .wants("SCTP"),
        Attempt::new("DCCP", |aim| stream(SOCK_DCCP, IPPROTO_DCCP, aim)).wants("DCCP"),
    ],
};

fn udplite(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let domain = trick::domain(to);
    let socket = trick::socket(domain, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE)?;
    trick::send_to(&socket, aim.payload(), to, 0)
}

/// An echo request whose payload is the message.
fn ping(to: SocketAddr, protocol: i32, echo: u8, aim: &Aim) -> io::Result<()> {
    // By default no group may have one; a distribution's often lets every group.
    agent::ask("ping-for-all");
    let socket = trick::socket(trick::domain(to), libc::SOCK_DGRAM, protocol)?;
    let mut message = vec![echo, 0, 0, 0, 0, 0, 0, 1];
    message.extend(aim.payload());
    trick::send_to(&socket, &message, SocketAddr::new(to.ip(), 0), 0)
}

fn stream(kind: i32, protocol: i32, aim: &Aim) -> io::Result<()> {
    let socket = trick::socket(libc::AF_INET, kind, protocol)?;
    trick::dial(&socket, aim.far4, aim)
}
