//! No trick at all: what every other vector is measured by.

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};
use std::io;

pub(super) const VECTOR: Vector = Vector {
    name: "plain",
    attempts: &[
        Attempt::new("connect, IPv4", |aim| connect(aim.far4, aim)),
        Attempt::new("connect, IPv6", |aim| connect(aim.far6, aim)),
        Attempt::new("connect, loopback", |aim| connect(aim.near4, aim)),
        Attempt::new("connect, IPv6 loopback", |aim| connect(aim.near6, aim)),
        Attempt::new("non-blocking", nonblocking),
        Attempt::new("sendto, UDP over IPv4", |aim| ask(aim.far4, aim)),
        Attempt::new("sendto, UDP over IPv6", |aim| ask(aim.far6, aim)),
        Attempt::new("sendto, UDP to loopback", |aim| ask(aim.near4, aim)),
        Attempt::new("connect, UDP over IPv4", |aim| ask_connected(aim.far4, aim)),
        Attempt::new("sendto, UDP to a declared target", |aim| ask(aim.far4, aim))
            .sending_to_the_far_one(),
        Attempt::new("connect, UDP over IPv6", |aim| ask_connected(aim.far6, aim)),
    ],
};

fn connect(to: std::net::SocketAddr, aim: &Aim) -> io::Result<()> {
    trick::dial(&trick::tcp(to)?, to, aim)
}

fn nonblocking(aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(aim.far4)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&aim.far4.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => std::thread::sleep(std::time::Duration::from_millis(50)),
    }
    socket.set_nonblocking(false)?;
    trick::speak(&socket, aim)
}

fn ask(to: std::net::SocketAddr, aim: &Aim) -> io::Result<()> {
    trick::send_to(&trick::udp(to)?, aim.payload(), to, 0)
}

fn ask_connected(to: std::net::SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(to)?;
    socket.connect(&to.into())?;
    socket.send(aim.payload()).map(drop)
}
