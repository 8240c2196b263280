//! TCP fast open (RFC 7413): data on the SYN, so that no handshake comes first.

use std::{io, net::SocketAddr};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

/// include/uapi/linux/tcp.h
const TCP_FASTOPEN_CONNECT: i32 = 30;
const TCP_FASTOPEN_NO_COOKIE: i32 = 34;

pub(super) const VECTOR: Vector = Vector {
    name: "fast open",
    attempts: &[
        Attempt::new("MSG_FASTOPEN, IPv4", |aim| send(aim.far4, aim)),
        Attempt::new("MSG_FASTOPEN, IPv6", |aim| send(aim.far6, aim)),
        Attempt::new("MSG_FASTOPEN, loopback", |aim| send(aim.near4, aim)),
        Attempt::new("TCP_FASTOPEN_CONNECT", |aim| connect(aim.far4, aim)),
        Attempt::new("TCP_FASTOPEN_CONNECT, IPv6", |aim| connect(aim.far6, aim)),
    ],
};

fn send(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(to)?;
    trick::option(&socket, libc::IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &[1i32])?;
    trick::send_to(&socket, aim.payload(), to, libc::MSG_FASTOPEN)?;
    trick::listen(&socket).map(drop)
}

fn connect(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(to)?;
    trick::option(&socket, libc::IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &[1i32])?;
    trick::option(&socket, libc::IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &[1i32])?;
    trick::dial(&socket, to, aim)
}
