//! IPv4 destinations by IPv6 sockets, in every way that they can be written.

use std::{io, net::SocketAddr};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "v4-mapped",
    attempts: &[
        Attempt::new("TCP", |aim| connect(trick::mapped(aim.far4), aim)),
        Attempt::new("TCP, loopback", |aim| {
            connect(trick::mapped(aim.near4), aim)
        }),
        Attempt::new("TCP, fast open", |aim| {
            let to = trick::mapped(aim.far4);
            trick::send_to(&trick::tcp(to)?, aim.payload(), to, libc::MSG_FASTOPEN)
        }),
        Attempt::new("UDP, sendto", |aim| {
            let to = trick::mapped(aim.far4);
            trick::send_to(&trick::udp(to)?, aim.payload(), to, 0)
        }),
        Attempt::new("UDP, connected", |aim| {
            let to = trick::mapped(aim.far4);
            let socket = trick::udp(to)?;
            socket.connect(&to.into())?;
            socket.send(aim.payload()).map(drop)
        }),
        Attempt::new("UDP by an IPv6 socket, IPv4 address", bare),
        Attempt::new("TCP, v4-compatible", |aim| connect(aim.compatible(), aim)),
        Attempt::new("turned into an IPv4 socket", turned),
    ],
};

fn connect(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    trick::dial(&trick::tcp(to)?, to, aim)
}

/// `udpv6_sendmsg` hands an IPv4 address over to IPv4's own code.
fn bare(aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far6)?;
    trick::send_to(&socket, aim.payload(), aim.far4, 0)
}

/// IPV6_ADDRFORM makes an IPv4 socket of a connected, v4-mapped IPv6 socket.
fn turned(aim: &Aim) -> io::Result<()> {
    let to = trick::mapped(aim.far4);
    let socket = trick::tcp(to)?;
    socket.connect(&to.into())?;
    trick::option(
        &socket,
        libc::IPPROTO_IPV6,
        libc::IPV6_ADDRFORM,
        &[libc::AF_INET],
    )?;
    trick::speak(&socket, aim)?;
    trick::disconnect(&socket)?;
    trick::dial(&socket, aim.far4, aim)
}
