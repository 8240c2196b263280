//! Standing where the engine stands: its port, on any address, by any way to get one.
//!
//! What holds while the engine is down is in [`crate::storm`].

use std::{io, net::SocketAddr};

use nix::sched::CloneFlags;

use crate::{
    agent::got,
    aim::Aim,
    trick::{self, user},
    vector::{Attempt, Ends, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "the engine's port",
    attempts: &[
        taking("127.0.0.1", |aim| tcp("127.0.0.1", aim)),
        taking("0.0.0.0", |aim| tcp("0.0.0.0", aim)),
        taking("another loopback address", |aim| tcp("127.3.3.3", aim)),
        taking("::1", |aim| tcp("::1", aim)),
        taking("::", |aim| tcp("::", aim)),
        taking("v4-mapped", |aim| tcp("::ffff:127.0.0.1", aim)),
        taking("UDP", |aim| udp("127.0.0.1", aim)),
        taking("UDP on another address", |aim| udp("127.3.3.3", aim)),
        taking("UDP, ::", |aim| udp("::", aim)),
        // One that is not served, where the port is anyone's but a workload's.
        Attempt::new("in a network namespace of its own", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                user::ip("link set lo up")?;
                tcp("127.0.0.1", aim)
            })
        }),
        Attempt::new("by whatever port is free", |aim| ranged(false, aim)).ends(Ends::ByKernel),
        Attempt::new("by whatever port is free, listening", |aim| {
            ranged(true, aim)
        })
        .ends(Ends::ByKernel),
    ],
};

const fn taking(name: &'static str, act: crate::vector::Act) -> Attempt {
    Attempt::new(name, act).vain("it is the engine's for everyone")
}

fn tcp(ip: &str, aim: &Aim) -> io::Result<()> {
    take(ip, libc::SOCK_STREAM, aim)
}

fn udp(ip: &str, aim: &Aim) -> io::Result<()> {
    take(ip, libc::SOCK_DGRAM, aim)
}

fn take(ip: &str, kind: i32, aim: &Aim) -> io::Result<()> {
    let at = SocketAddr::new(ip.parse().expect("an address"), aim.engine);
    let socket = trick::socket(trick::domain(at), kind, 0)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&at.into())?;
    if kind == libc::SOCK_STREAM {
        socket.listen(8)?;
    }
    got(format!("the engine's port on {ip}"));
    Ok(())
}

/// No bind that names the port: the kernel chooses, within a range that the socket itself narrows
/// to this one port (ip(7), IP_LOCAL_PORT_RANGE), or would have it chosen otherwise.
fn ranged(listening: bool, aim: &Aim) -> io::Result<()> {
    const IP_LOCAL_PORT_RANGE: i32 = 51;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let range = u32::from(aim.engine) << 16 | u32::from(aim.engine);
    for _ in 0..64 {
        let socket = trick::tcp(any)?;
        trick::option(&socket, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, &[range])?;
        if listening {
            socket.listen(1)?;
        } else {
            socket.bind(&any.into())?;
        }
        let had = socket.local_addr()?.as_socket().map(|had| had.port());
        if had == Some(aim.engine) {
            got("the engine's port, unasked for");
            return Ok(());
        }
    }
    Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL))
}
