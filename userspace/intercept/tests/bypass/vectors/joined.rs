//! Sockets that the agent itself made before it was moved into the workload.

use std::{io, net::SocketAddr};

use socket2::Socket;

use crate::{
    agent::ask,
    trick,
    vector::{Attempt, Ends, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "made before",
    attempts: &[
        Attempt::new("TCP, unconnected", |aim| {
            trick::dial(&before(trick::tcp(aim.far4))?, aim.far4, aim)
        })
        .moved_in(),
        Attempt::new("TCP over IPv6, unconnected", |aim| {
            trick::dial(&before(trick::tcp(aim.far6))?, aim.far6, aim)
        })
        .moved_in(),
        Attempt::new("UDP, unconnected", |aim| {
            let socket = before(trick::udp(aim.far4))?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)
        })
        .moved_in(),
        Attempt::new("UDP to a resolver", |aim| {
            let socket = before(trick::udp(aim.far4))?;
            let to = SocketAddr::new(aim.far4.ip(), 53);
            trick::send_to(&socket, aim.payload(), to, 0)
        })
        .moved_in(),
        Attempt::new("UDP, connected, sent elsewhere", |aim| {
            let first = SocketAddr::new(aim.next_hop(), 9);
            let socket = before(connected(trick::udp(first), first))?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)
        })
        .moved_in(),
        Attempt::new("TCP, connected, then disconnected", |aim| {
            let (socket, _listener) = trick::connected()?;
            let socket = before(Ok(socket))?;
            trick::disconnect(&socket)?;
            trick::dial(&socket, aim.far4, aim)
        })
        .moved_in(),
        Attempt::new("TCP, connected", |aim| {
            let socket = before(connected(trick::tcp(aim.far4), aim.far4))?;
            trick::speak(&socket, aim)
        })
        .moved_in()
        .ends(CONNECTED),
        Attempt::new("TCP, connected, after the scan", |aim| {
            let to = SocketAddr::new(aim.next_hop(), aim.far4.port());
            let socket = before(connected(trick::tcp(to), to))?;
            ask("scan");
            trick::speak(&socket, aim)
        })
        .moved_in()
        .needs("closing sockets"),
        Attempt::new("UDP, connected, after the scan", |aim| {
            let socket = before(connected(trick::udp(aim.far4), aim.far4))?;
            ask("scan");
            socket.send(aim.payload()).map(drop)
        })
        .moved_in()
        .needs("closing sockets"),
        Attempt::new("UDP, connected", |aim| {
            let socket = before(connected(trick::udp(aim.far4), aim.far4))?;
            socket.send(aim.payload()).map(drop)
        })
        .moved_in()
        .ends(CONNECTED),
    ],
};

const CONNECTED: Ends = Ends::Open(
    "destroyed at tagging, or by the scan for established connections: move no running process in",
);

fn connected(socket: io::Result<Socket>, to: SocketAddr) -> io::Result<Socket> {
    let socket = socket?;
    socket.connect(&to.into())?;
    Ok(socket)
}

/// Is moved into the workload, with the socket.
fn before(socket: io::Result<Socket>) -> io::Result<Socket> {
    let socket = socket?;
    ask("join");
    Ok(socket)
}
