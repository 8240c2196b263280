//! A socket used twice: disconnected by an address of no family, then sent elsewhere.

use std::{io, net::SocketAddr};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "AF_UNSPEC",
    attempts: &[
        Attempt::new("TCP, reconnected", |aim| again(aim.near4, aim.far4, aim)).told(2),
        Attempt::new("TCP over IPv6, reconnected", |aim| {
            again(aim.near6, aim.far6, aim)
        })
        .told(2),
        Attempt::new("TCP, sent with fast open", fast).told(2),
        Attempt::new("UDP, connected, then elsewhere", datagrams).told(2),
        Attempt::new("UDP socket of a resolver, sent elsewhere", resolver).told(1),
        Attempt::new("UDP socket of a declared target, sent elsewhere", declared)
            .sending_to_the_far_one()
            .told(4),
    ],
};

fn again(first: SocketAddr, second: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(first)?;
    trick::dial(&socket, first, aim)?;
    trick::disconnect(&socket)?;
    trick::dial(&socket, second, aim)
}

fn fast(aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(aim.near4)?;
    trick::dial(&socket, aim.near4, aim)?;
    trick::disconnect(&socket)?;
    trick::send_to(&socket, aim.payload(), aim.far4, libc::MSG_FASTOPEN)?;
    trick::listen(&socket).map(drop)
}

fn datagrams(aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far4)?;
    let connected = socket.connect(&aim.far4.into());
    let sent = socket.send(aim.payload()).map(drop);
    trick::disconnect(&socket)?;
    let elsewhere = trick::send_to(&socket, aim.payload(), aim.far4, 0);
    trick::all([connected, sent, elsewhere])
}

/// What is declared goes to the engine; the same socket's way to another port or address stays shut.
fn declared(aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far4)?;
    socket.connect(&aim.far4.into())?;
    let spoken = socket.send(aim.payload()).map(drop);
    let named = trick::send_to(&socket, aim.payload(), aim.near4, 0);
    let connected = socket.connect(&aim.near4.into());
    trick::disconnect(&socket)?;
    let elsewhere = trick::send_to(&socket, aim.payload(), aim.near4, 0);
    trick::all([spoken, named, connected, elsewhere])
}

/// Port 53 is answered by the engine, wherever it is; the rest of the socket's life is not its.
fn resolver(aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far4)?;
    let resolver = SocketAddr::new(aim.host4, 53);
    let connected = socket.connect(&resolver.into());
    let sent = trick::send_to(&socket, aim.payload(), aim.far4, 0);
    let again = socket.connect(&aim.far4.into());
    let spoken = socket.send(aim.payload()).map(drop);
    trick::all([connected, sent, again, spoken])
}
