//! Listening, and what one may try under the name of a listener.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{address, outcome, say, tcp, wait};

/// Answers whoever connects with as many bytes as it is sent, until let go.
pub(super) fn echo(at: &str) {
    let listener = TcpListener::bind(address(at)).expect("a listener");
    say("listening", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || back(&stream));
        }
    });
    wait();
}

fn back(mut stream: &TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..length])?;
    }
}

/// The same in a network namespace of its own, where loopback has an address more.
pub(super) fn echo_apart(at: &str, more: &str) {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace");
    tcp::loopback_up().expect("loopback");
    let added = std::process::Command::new("ip")
        .args(["address", "add", more, "dev", "lo"])
        .status();
    assert!(added.expect("ip(8)").success(), "{more}");
    say("thread", nix::unistd::gettid());
    echo(at);
}

/// Dials out from a port, lets the test tag the cgroup, and then speaks.
pub(super) fn early(from: &str, to: &str) {
    let to = address(to);
    let socket =
        Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket
        .bind(&SockAddr::from(address(from)))
        .expect("to bind");
    socket.connect(&to.into()).expect("to connect");
    say("connected", "");
    wait();
    let mut stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_millis(700)))
        .expect("a time-out");
    let heard = stream
        .write_all(b"early\n")
        .and_then(|()| stream.read(&mut [0; 16]).map(drop));
    say("heard", outcome(heard));
}

/// A datagram out of a port.
pub(super) fn datagram_from(from: &str, to: &str) {
    let socket = UdpSocket::bind(address(from)).expect("to bind");
    say("sent", outcome(socket.send_to(b"x", address(to)).map(drop)));
}

/// Binds without naming a port, where the kernel has but this one to give.
pub(super) fn left_with(port: &str) {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace");
    tcp::loopback_up().expect("loopback");
    std::fs::write(
        "/proc/sys/net/ipv4/ip_local_port_range",
        format!("{port} {port}"),
    )
    .expect("a setting");
    for (name, ip) in [("v4", "127.0.0.1:0"), ("v6", "[::1]:0")] {
        say(
            &format!("stream-{name}"),
            outcome(TcpListener::bind(ip).map(drop)),
        );
        say(
            &format!("datagram-{name}"),
            outcome(UdpSocket::bind(ip).map(drop)),
        );
    }
}

pub(super) fn bind_datagram(at: &str) {
    say("bind", outcome(UdpSocket::bind(address(at)).map(drop)));
}
