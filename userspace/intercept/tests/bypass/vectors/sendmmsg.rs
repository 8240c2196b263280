//! Many datagrams in one call: each is asked for, not only the first.

use std::{io, net::SocketAddr, os::fd::AsRawFd as _};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "sendmmsg",
    attempts: &[
        Attempt::new("to one place", |aim| send(&[aim.far4, aim.far4], aim)),
        Attempt::new("first to a resolver", |aim| {
            send(&[SocketAddr::new(aim.host4, 53), aim.far4, aim.far4], aim)
        }),
        Attempt::new("first to a resolver, IPv6", |aim| {
            send(&[SocketAddr::new(aim.host6, 53), aim.far6], aim)
        }),
    ],
};

fn send(to: &[SocketAddr], aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(to[0])?;
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(to.len(), None);
    let addresses: Vec<_> = to.iter().map(|to| Some((*to).into())).collect();
    let slices = vec![[io::IoSlice::new(aim.payload())]; to.len()];
    let sent = sendmmsg(
        socket.as_raw_fd(),
        &mut headers,
        &slices,
        addresses,
        [],
        MsgFlags::empty(),
    )?;
    let sent = sent.count();
    // The kernel stops at the first that fails, and says so only of the very first: the rest is
    // tried one by one.
    trick::all(
        to[sent..]
            .iter()
            .map(|to| trick::send_to(&socket, aim.payload(), *to, 0)),
    )
}
