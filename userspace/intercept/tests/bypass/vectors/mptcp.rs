//! Multipath TCP (RFC 8684): a protocol of its own, with subflows that no process connects.

use std::{io, net::SocketAddr};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "MPTCP",
    attempts: &[
        Attempt::new("IPv4", |aim| connect(aim.far4, aim)),
        Attempt::new("IPv6", |aim| connect(aim.far6, aim)),
    ],
};

fn connect(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let domain = trick::domain(to);
    let socket = trick::socket(domain, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)?;
    trick::dial(&socket, to, aim)
}
