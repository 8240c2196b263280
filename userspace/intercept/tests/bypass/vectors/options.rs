//! Socket options that change where packets go or what they look like.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use socket2::Socket;

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, CAP_NET_ADMIN, CAP_NET_RAW, Ends, Vector},
};

const ADMIN: &[u8] = &[CAP_NET_ADMIN, CAP_NET_RAW];

pub(super) const VECTOR: Vector = Vector {
    name: "socket options",
    attempts: &[
        Attempt::new("SO_BINDTODEVICE", |aim| device(aim.far4, aim)),
        Attempt::new("SO_BINDTODEVICE, IPv6", |aim| device(aim.far6, aim)),
        Attempt::new("SO_BINDTODEVICE, UDP", |aim| {
            let socket = trick::udp(aim.far4)?;
            socket.bind_device(Some(aim.device.as_bytes()))?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)
        }),
        Attempt::new("SO_BINDTODEVICE with CAP_NET_RAW", |aim| {
            device(aim.far4, aim)
        })
        .with(ADMIN),
        Attempt::new("IP_UNICAST_IF", |aim| {
            let index = trick::index(&aim.device).to_be();
            with(
                libc::IPPROTO_IP,
                libc::IP_UNICAST_IF,
                &[index],
                aim.far4,
                aim,
            )
        }),
        Attempt::new("SO_DONTROUTE", |aim| {
            let to = SocketAddr::new(aim.next_hop(), aim.far4.port());
            with(libc::SOL_SOCKET, libc::SO_DONTROUTE, &[1i32], to, aim)
        }),
        Attempt::new("SO_MARK without CAP_NET_ADMIN", mark).ends(Ends::ByKernel),
        Attempt::new("SO_MARK", mark).with(ADMIN),
        Attempt::new("IP_TRANSPARENT", |aim| {
            let socket = trick::tcp(aim.far4)?;
            trick::option(&socket, libc::IPPROTO_IP, libc::IP_TRANSPARENT, &[1i32])?;
            socket.bind(&SocketAddr::from(([198, 51, 100, 7], 0)).into())?;
            trick::dial(&socket, aim.far4, aim)
        })
        .with(ADMIN)
        .ends(Ends::Lost(
            "sent to the engine from an address that is nobody's",
        )),
        Attempt::new("bound to this host's own address", |aim| {
            let socket = trick::tcp(aim.far4)?;
            socket.bind(&SocketAddr::new(aim.host4, 0).into())?;
            trick::dial(&socket, aim.far4, aim)
        }),
        Attempt::new("bound, UDP", |aim| {
            let socket = trick::udp(aim.far4)?;
            socket.bind(&SocketAddr::new(aim.host4, 0).into())?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)
        }),
        Attempt::new("loose source route", |aim| source_route(131, aim)).with(ADMIN),
        Attempt::new("source route without CAP_NET_RAW", |aim| {
            source_route(131, aim)
        })
        .ends(Ends::ByKernel),
        Attempt::new("an IP option that routes nothing", |aim| {
            with(
                libc::IPPROTO_IP,
                libc::IP_OPTIONS,
                &[1u8, 1, 1, 0],
                aim.far4,
                aim,
            )
        }),
        Attempt::new("IPv6 routing header", routing_header),
        Attempt::new("IPv6 destination options", |aim| {
            let pad = [0u8, 0, 1, 4, 0, 0, 0, 0];
            let name = libc::IPV6_DSTOPTS;
            with(libc::IPPROTO_IPV6, name, &pad, aim.far6, aim)
        })
        .with(ADMIN),
        Attempt::new("IPv6 hop-by-hop options", |aim| {
            let pad = [0u8, 0, 1, 4, 0, 0, 0, 0];
            let name = libc::IPV6_HOPOPTS;
            with(libc::IPPROTO_IPV6, name, &pad, aim.far6, aim)
        })
        .with(ADMIN),
        Attempt::new("TCP_REPAIR: a connection of nowhere", repair)
            .with(ADMIN)
            .ends(Ends::Lost(
                "the engine's host resets what it never accepted",
            )),
        Attempt::new("TCP_REPAIR without CAP_NET_ADMIN", repair).ends(Ends::ByKernel),
        Attempt::new("UDP, destination by IP_PKTINFO's device", |aim| {
            let socket = trick::udp(aim.far4)?;
            trick::option(
                &socket,
                libc::IPPROTO_IP,
                libc::IP_UNICAST_IF,
                &[trick::index(&aim.device).to_be()],
            )?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)
        }),
        Attempt::new("UDP, corked and uncorked elsewhere", corked),
    ],
};

fn device(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(to)?;
    socket.bind_device(Some(aim.device.as_bytes()))?;
    trick::dial(&socket, to, aim)
}

fn with<T: Copy>(level: i32, name: i32, value: &[T], to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(to)?;
    trick::option(&socket, level, name, value)?;
    trick::dial(&socket, to, aim)
}

fn mark(aim: &Aim) -> io::Result<()> {
    with(libc::SOL_SOCKET, libc::SO_MARK, &[7i32], aim.far4, aim)
}

/// RFC 791, section 3.1: by way of the far witness, wherever the address says.
fn source_route(kind: u8, aim: &Aim) -> io::Result<()> {
    let IpAddr::V4(hop) = aim.far4.ip() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut option = vec![kind, 7, 4];
    option.extend(hop.octets());
    option.push(0);
    let to = SocketAddr::new(aim.host4, aim.far4.port());
    let socket = trick::tcp(to)?;
    trick::option(&socket, libc::IPPROTO_IP, libc::IP_OPTIONS, &option)?;
    trick::dial(&socket, to, aim)
}

/// RFC 8754, section 2: by way of the far witness.
fn routing_header(aim: &Aim) -> io::Result<()> {
    let IpAddr::V6(hop) = aim.far6.ip() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut header = vec![0u8, 4, 4, 1, 1, 0, 0, 0];
    header.extend([0; 16]);
    header.extend(hop.octets());
    let name = libc::IPV6_RTHDR;
    with(libc::IPPROTO_IPV6, name, &header, aim.far6, aim)
}

/// A socket that is put into the middle of a connection that never was opened (tcp(7)'s repair
/// mode, for checkpoints).
fn repair(aim: &Aim) -> io::Result<()> {
    const TCP_REPAIR: i32 = 19;
    let socket: Socket = trick::tcp(aim.far4)?;
    trick::option(&socket, libc::IPPROTO_TCP, TCP_REPAIR, &[1i32])?;
    socket.bind(&SocketAddr::new(aim.host4, 0).into())?;
    socket.connect(&aim.far4.into())?;
    trick::option(&socket, libc::IPPROTO_TCP, TCP_REPAIR, &[0i32])?;
    socket.send(aim.payload()).map(drop)
}

/// Data gathered for one destination, sent by a call that names another.
fn corked(aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far4)?;
    let resolver = SocketAddr::new(aim.host4, 53);
    let begun = trick::send_to(&socket, b"\0\0", resolver, libc::MSG_MORE);
    let ended = trick::send_to(&socket, aim.payload(), aim.far4, 0);
    let other = trick::udp(aim.far4)?;
    let direct = trick::send_to(&other, aim.payload(), aim.far4, libc::MSG_MORE);
    let uncorked = trick::send_to(&other, aim.payload(), aim.far4, 0);
    trick::all([begun, ended, direct, uncorked])
}
