//! The agent dials nobody: it listens, and whoever dials it is answered.

use std::{io, net::SocketAddr, thread};

use socket2::Socket;

use crate::{
    agent::ask,
    aim::Aim,
    trick,
    vector::{Attempt, Ends, Vector},
};

/// Declared for the attempts that may answer there.
const PORT: u16 = 4478;

pub(super) const VECTOR: Vector = Vector {
    name: "inbound",
    attempts: &[
        Attempt::new("TCP", |aim| tcp(SocketAddr::new(aim.host4, 0), aim)),
        Attempt::new("TCP, IPv6", |aim| tcp(SocketAddr::new(aim.host6, 0), aim)),
        Attempt::new("TCP from loopback", |aim| {
            tcp(SocketAddr::new(aim.near4.ip(), 0), aim)
        }),
        Attempt::new("UDP", |aim| udp(SocketAddr::new(aim.host4, 0), aim)),
        Attempt::new("UDP, IPv6", |aim| udp(SocketAddr::new(aim.host6, 0), aim)),
        Attempt::new("TCP, at a declared port", |aim| {
            tcp(SocketAddr::new(aim.host4, PORT), aim)
        })
        .answering_at(PORT)
        .ends(Ends::Declared),
        Attempt::new("TCP over IPv6, at a declared port", |aim| {
            tcp(SocketAddr::new(aim.host6, PORT), aim)
        })
        .answering_at(PORT)
        .ends(Ends::Declared),
        Attempt::new("TCP, at another port than declared", |aim| {
            tcp(SocketAddr::new(aim.host4, PORT + 1), aim)
        })
        .answering_at(PORT),
        Attempt::new("UDP, at a declared port", |aim| {
            udp(SocketAddr::new(aim.host4, PORT), aim)
        })
        .answering_at(PORT),
        Attempt::new("dialling out from a declared port", |aim| {
            let socket = bound(aim, libc::SOCK_STREAM)?;
            trick::dial(&socket, aim.far4, aim)
        })
        .answering_at(PORT),
        Attempt::new("fast open from a declared port", |aim| {
            let socket = bound(aim, libc::SOCK_STREAM)?;
            trick::send_to(&socket, aim.payload(), aim.far4, libc::MSG_FASTOPEN)
        })
        .answering_at(PORT),
        Attempt::new("UDP out from a declared port", |aim| {
            let socket = bound(aim, libc::SOCK_DGRAM)?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)
        })
        .answering_at(PORT),
        Attempt::new("dialling out on an accepted socket", elsewhere).answering_at(PORT),
        Attempt::new("dialling out on the listener", listener).answering_at(PORT),
    ],
};

/// Accepts one connection that comes of `prompt`, and says the token on it.
pub(super) fn answer_one(
    listener: &Socket,
    aim: &Aim,
    prompt: impl FnOnce() -> String + Send,
) -> io::Result<()> {
    thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let (stream, _) = listener.accept()?;
            stream.send(aim.payload()).map(drop)
        });
        prompt();
        answering.join().expect("no panic")
    })
}

fn tcp(at: SocketAddr, aim: &Aim) -> io::Result<()> {
    let listener = trick::tcp(at)?;
    listener.set_reuse_address(true)?;
    listener.bind(&at.into())?;
    listener.listen(1)?;
    let at = listener.local_addr()?.as_socket().expect("an address");
    answer_one(&listener, aim, || ask(format!("dial tcp {at}")))
}

fn udp(at: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(at)?;
    socket.bind(&at.into())?;
    let at = socket.local_addr()?.as_socket().expect("an address");
    thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let (_, from) = socket.recv_from(&mut Vec::with_capacity(64))?;
            socket.send_to(aim.payload(), &from).map(drop)
        });
        ask(format!("dial udp {at}"));
        answering.join().expect("no panic")
    })
}

fn bound(aim: &Aim, kind: i32) -> io::Result<Socket> {
    let socket = trick::socket(libc::AF_INET, kind, 0)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(aim.host4, PORT).into())?;
    Ok(socket)
}

/// The accepted socket is let go and connected anew: its port is still the declared one.
fn elsewhere(aim: &Aim) -> io::Result<()> {
    let listener = bound(aim, libc::SOCK_STREAM)?;
    listener.listen(1)?;
    let at = SocketAddr::new(aim.host4, PORT);
    thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let (stream, _) = listener.accept()?;
            trick::disconnect(&stream)?;
            stream.set_write_timeout(Some(std::time::Duration::from_millis(500)))?;
            stream.set_read_timeout(Some(std::time::Duration::from_millis(500)))?;
            trick::dial(&stream, aim.far4, aim)
        });
        ask(format!("dial tcp {at}"));
        answering.join().expect("no panic")
    })
}

fn listener(aim: &Aim) -> io::Result<()> {
    let socket = bound(aim, libc::SOCK_STREAM)?;
    socket.listen(1)?;
    trick::disconnect(&socket)?;
    trick::dial(&socket, aim.far4, aim)
}
