//! Sockets made outside the workload and passed in by SCM_RIGHTS (unix(7)): cgroup hooks follow the
//! socket's cgroup, not the task's.

use std::{io, net::SocketAddr};

use socket2::Socket;

use crate::{
    agent::{self, got},
    aim::Aim,
    trick::{self, pass},
    vector::{Attempt, Ends, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "SCM_RIGHTS",
    attempts: &[
        Attempt::new("TCP, unconnected", connect).helped_by(|aim| give_tcp(aim.far4)),
        Attempt::new("TCP over IPv6, unconnected", |aim| dial(aim.far6, aim))
            .helped_by(|aim| give_tcp(aim.far6)),
        Attempt::new("TCP, v4-mapped, unconnected", |aim| {
            dial(trick::mapped(aim.far4), aim)
        })
        .helped_by(|aim| give_tcp(aim.far6)),
        Attempt::new("TCP, sent with fast open", fast).helped_by(|aim| give_tcp(aim.far4)),
        Attempt::new("TCP, to the engine's own port", engine)
            .helped_by(|aim| give_tcp(aim.far4))
            .vain("nothing is known of it"),
        Attempt::new("UDP, unconnected", |aim| ask(aim.far4, aim))
            .helped_by(|aim| give_udp(aim.far4)),
        Attempt::new("UDP over IPv6, unconnected", |aim| ask(aim.far6, aim))
            .helped_by(|aim| give_udp(aim.far6)),
        Attempt::new("UDP, reconnected", |aim| {
            let socket = Socket::from(pass::take()?);
            socket.connect(&aim.far4.into())?;
            socket.send(aim.payload()).map(drop)
        })
        .helped_by(|aim| give_udp(aim.far4)),
        Attempt::new("UDP, connected, sent elsewhere", |aim| ask(aim.far4, aim))
            .helped_by(|aim| give_udp_connected(SocketAddr::new(aim.next_hop(), 9))),
        Attempt::new("a raw socket", raw_out)
            .helped_by(|_| give(&trick::socket(libc::AF_INET, libc::SOCK_RAW, 253)?))
            .vain("its helper has no CAP_NET_RAW either"),
        Attempt::new("TCP, connected", speak)
            .helped_by(give_connected)
            .ends(CONNECTED),
        Attempt::new("UDP, connected", |aim| {
            Socket::from(pass::take()?).send(aim.payload()).map(drop)
        })
        .helped_by(|aim| give_udp_connected(aim.far4))
        .ends(CONNECTED),
        Attempt::new("TCP, connected, then disconnected", |aim| {
            let socket = Socket::from(pass::take()?);
            trick::disconnect(&socket)?;
            trick::dial(&socket, aim.far4, aim)
        })
        .helped_by(|_| give(&trick::connected()?.0)),
        Attempt::new("TCP, connected, after the scan", |aim| {
            let socket = Socket::from(pass::take()?);
            scanned(&socket, aim)
        })
        .helped_by(give_elsewhere)
        .needs("closing sockets"),
        Attempt::new("TCP, connected, held by a thread of its own table", |aim| {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES)?;
                    let socket = Socket::from(pass::take()?);
                    scanned(&socket, aim)
                });
                thread.join().expect("no panic")
            })
        })
        .helped_by(give_elsewhere)
        .needs("closing sockets"),
        Attempt::new("TCP, connected, on its way in a message", |aim| {
            // Kept nowhere but in the queue of a socket pair while the scan looks.
            let socket = pass::take()?;
            let (one, other) = std::os::unix::net::UnixDatagram::pair()?;
            pass::give_by(&one, &socket)?;
            drop(socket);
            agent::ask("scan");
            let socket = Socket::from(pass::take_by(&other)?);
            trick::speak(&socket, aim)
        })
        .helped_by(give_elsewhere)
        .ends(Ends::Open(
            "a scan of descriptors can't see it in flight; the next one finds it where it is used",
        )),
        Attempt::new("a listening socket", accept)
            .helped_by(give_listening)
            .ends(CONNECTED),
    ],
};

const CONNECTED: Ends = Ends::Open(
    "the packets are of a socket outside the workload, whose owner gave it away; found and \
     destroyed by the scan for established connections, a moment later",
);

fn give(socket: &Socket) -> io::Result<()> {
    pass::give(socket)?;
    pass::stay()
}

fn give_tcp(family: SocketAddr) -> io::Result<()> {
    give(&trick::tcp(family)?)
}

fn give_udp(family: SocketAddr) -> io::Result<()> {
    give(&trick::udp(family)?)
}

fn give_udp_connected(to: SocketAddr) -> io::Result<()> {
    let socket = trick::udp(to)?;
    socket.connect(&to.into())?;
    give(&socket)
}

fn give_connected(aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(aim.far4)?;
    socket.connect(&aim.far4.into())?;
    give(&socket)
}

/// Connected to where the witness counts only the token.
fn give_elsewhere(aim: &Aim) -> io::Result<()> {
    let to = SocketAddr::new(aim.next_hop(), aim.far4.port());
    let socket = trick::tcp(to)?;
    socket.connect(&to.into())?;
    give(&socket)
}

/// Is looked for, and only then speaks.
fn scanned(socket: &Socket, aim: &Aim) -> io::Result<()> {
    agent::ask("scan");
    trick::speak(socket, aim)
}

fn give_listening(aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(aim.far4)?;
    socket.bind(&SocketAddr::new(aim.host4, 0).into())?;
    socket.listen(1)?;
    give(&socket)
}

fn dial(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    trick::dial(&Socket::from(pass::take()?), to, aim)
}

fn connect(aim: &Aim) -> io::Result<()> {
    dial(aim.far4, aim)
}

fn fast(aim: &Aim) -> io::Result<()> {
    let socket = Socket::from(pass::take()?);
    trick::send_to(&socket, aim.payload(), aim.far4, libc::MSG_FASTOPEN)
}

fn ask(to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = Socket::from(pass::take()?);
    trick::send_to(&socket, aim.payload(), to, 0)
}

/// Where its own connections are sent: a foreign one must not be taken for one of them.
fn engine(aim: &Aim) -> io::Result<()> {
    let to = SocketAddr::new([127, 0, 0, 1].into(), aim.engine);
    let socket = Socket::from(pass::take()?);
    trick::dial(&socket, to, aim)?;
    match trick::listen(&socket)?.as_slice() {
        b"" => Err(io::ErrorKind::ConnectionAborted.into()),
        _ => {
            got("an answer of the engine");
            Ok(())
        }
    }
}

fn raw_out(aim: &Aim) -> io::Result<()> {
    let socket = Socket::from(pass::take()?);
    trick::send_to(&socket, aim.payload(), SocketAddr::new(aim.far4.ip(), 0), 0)
}

fn speak(aim: &Aim) -> io::Result<()> {
    trick::speak(&Socket::from(pass::take()?), aim)
}

fn accept(aim: &Aim) -> io::Result<()> {
    let socket = Socket::from(pass::take()?);
    let at = socket.local_addr()?.as_socket().expect("an address");
    super::inbound::answer_one(&socket, aim, || agent::ask(format!("dial tcp {at}")))
}
