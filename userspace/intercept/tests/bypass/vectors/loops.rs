//! Ways to name this host, the engine or many hosts at once.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "addresses",
    attempts: &[
        Attempt::new("0.0.0.0", |aim| {
            // The near witness is at an address of its own, which this one is not.
            dial(Ipv4Addr::UNSPECIFIED, aim.near4.port(), aim)
        })
        .vain("the witness is at another loopback address"),
        Attempt::new("::", |aim| {
            dial(Ipv6Addr::UNSPECIFIED, aim.near6.port(), aim)
        }),
        Attempt::new("the engine's port, 127.0.0.1", |aim| {
            dial(Ipv4Addr::LOCALHOST, aim.engine, aim)
        })
        .vain("the engine drops what it knows nothing of"),
        Attempt::new("the engine's port, ::1", |aim| {
            dial(Ipv6Addr::LOCALHOST, aim.engine, aim)
        })
        .vain("the engine drops what it knows nothing of"),
        Attempt::new("the engine's port, 0.0.0.0", |aim| {
            dial(Ipv4Addr::UNSPECIFIED, aim.engine, aim)
        })
        .vain("the engine drops what it knows nothing of"),
        Attempt::new("the engine's port, ::ffff:127.0.0.1", |aim| {
            dial(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), aim.engine, aim)
        })
        .vain("the engine drops what it knows nothing of"),
        Attempt::new("the engine's port, UDP", |aim| {
            let to = SocketAddr::from((Ipv4Addr::LOCALHOST, aim.engine));
            trick::send_to(&trick::udp(to)?, aim.payload(), to, 0)
        })
        .vain("the engine drops what it knows nothing of"),
        Attempt::new("this host's own address", |aim| {
            dial(aim.host4, aim.near4.port(), aim)
        })
        .vain("the witness is at another address"),
        Attempt::new("broadcast to the witness's network", |aim| {
            broadcast(aim.broadcast(), aim)
        }),
        Attempt::new("broadcast to everyone", |aim| {
            let socket = trick::udp(aim.far4)?;
            socket.set_broadcast(true)?;
            socket.bind_device(Some(aim.device.as_bytes()))?;
            let to = SocketAddr::from((Ipv4Addr::BROADCAST, aim.far4.port()));
            trick::send_to(&socket, aim.payload(), to, 0)
        }),
        Attempt::new("multicast", |aim| multicast(5353, aim)),
        Attempt::new("multicast at a resolver's port", |aim| multicast(53, aim)),
        Attempt::new("multicast, IPv6", |aim| {
            let socket = trick::udp(aim.far6)?;
            let index = trick::index(&aim.device).unsigned_abs();
            let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
            let to = SocketAddr::V6(SocketAddrV6::new(all, 5353, 0, index));
            trick::send_to(&socket, aim.payload(), to, 0)
        }),
    ],
};

fn dial(ip: impl Into<IpAddr>, port: u16, aim: &Aim) -> io::Result<()> {
    let to = SocketAddr::new(ip.into(), port);
    trick::dial(&trick::tcp(to)?, to, aim)
}

fn broadcast(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(to)?;
    socket.set_broadcast(true)?;
    trick::send_to(&socket, aim.payload(), to, 0)
}

fn multicast(port: u16, aim: &Aim) -> io::Result<()> {
    let IpAddr::V4(host) = aim.host4 else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let socket = trick::udp(aim.far4)?;
    socket.set_multicast_if_v4(&host)?;
    let to = SocketAddr::from((Ipv4Addr::new(224, 0, 0, 251), port));
    trick::send_to(&socket, aim.payload(), to, 0)
}
