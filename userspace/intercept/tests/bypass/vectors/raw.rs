//! Packets written by hand on internet sockets: only with CAP_NET_RAW, which an operator may have
//! left to the agent.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, CAP_NET_RAW, Ends, Vector},
};

const RAW: &[u8] = &[CAP_NET_RAW];

pub(super) const VECTOR: Vector = Vector {
    name: "raw",
    attempts: &[
        Attempt::new("without CAP_NET_RAW", |aim| by(libc::IPPROTO_UDP, aim)).ends(Ends::ByKernel),
        Attempt::new("UDP by hand", |aim| by(libc::IPPROTO_UDP, aim)).with(RAW),
        Attempt::new("ICMP by hand", |aim| by(libc::IPPROTO_ICMP, aim)).with(RAW),
        Attempt::new("a protocol of its own", |aim| by(253, aim)).with(RAW),
        Attempt::new("whole IP header by hand", header).with(RAW),
        Attempt::new("IP_HDRINCL set", include).with(RAW),
        Attempt::new("IPv6", |aim| {
            let socket = trick::socket(libc::AF_INET6, libc::SOCK_RAW, 253)?;
            let to = SocketAddr::new(aim.far6.ip(), 0);
            trick::send_to(&socket, aim.payload(), to, 0)
        })
        .with(RAW),
        Attempt::new("IPv6, connected", |aim| {
            let socket = trick::socket(libc::AF_INET6, libc::SOCK_RAW, 253)?;
            socket.connect(&SocketAddr::new(aim.far6.ip(), 0).into())?;
            socket.send(aim.payload()).map(drop)
        })
        .with(RAW),
    ],
};

fn by(protocol: i32, aim: &Aim) -> io::Result<()> {
    let socket = trick::socket(libc::AF_INET, libc::SOCK_RAW, protocol)?;
    trick::send_to(&socket, aim.payload(), SocketAddr::new(aim.far4.ip(), 0), 0)
}

fn header(aim: &Aim) -> io::Result<()> {
    let socket = trick::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)?;
    trick::send_to(&socket, &packet(aim), aim.far4, 0)
}

fn include(aim: &Aim) -> io::Result<()> {
    let socket = trick::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_UDP)?;
    trick::option(&socket, libc::IPPROTO_IP, libc::IP_HDRINCL, &[1i32])?;
    trick::send_to(&socket, &packet(aim), aim.far4, 0)
}

/// RFC 791, section 3.1: a header whose length and checksum the kernel fills in, then the token.
pub(super) fn packet(aim: &Aim) -> Vec<u8> {
    let (IpAddr::V4(from), IpAddr::V4(to)) = (aim.host4, aim.far4.ip()) else {
        panic!("both are IPv4")
    };
    let length = u16::try_from(20 + aim.token.len()).expect("short");
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 253, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(aim.payload());
    packet
}
