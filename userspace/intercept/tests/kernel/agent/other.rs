//! What is not dialling TCP: datagrams, other kinds of socket, listening.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    time::Duration,
};

use super::{address, outcome, say, wait};

/// A ping socket, where every group may have one.
pub(super) fn ping(domain: &str, protocol: &str) {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace");
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").expect("a setting");
    socket(domain, &libc::SOCK_DGRAM.to_string(), protocol);
}

pub(super) fn flood(count: &str, to: &str) {
    let to = address(to);
    let socket = udp(to);
    let refused = (0..count.parse().expect("a count"))
        .filter(|_: &u64| outcome(socket.send_to(b"x", to).map(drop)) == "EPERM")
        .count();
    say("refused", refused);
}

fn udp(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a time-out");
    socket
}

fn answered(socket: &UdpSocket) -> io::Result<()> {
    let mut answer = [0; 16];
    let length = socket.recv(&mut answer)?;
    say("answer", String::from_utf8_lossy(&answer[..length]));
    Ok(())
}

pub(super) fn ask(to: &str) {
    let to = address(to);
    let socket = udp(to);
    let sent = socket.send_to(b"question", to).map(drop);
    say("ask", outcome(sent.and_then(|()| answered(&socket))));
}

pub(super) fn ask_connected(to: &str) {
    let to = address(to);
    let socket = udp(to);
    let sent = socket
        .connect(to)
        .and_then(|()| socket.send(b"question"))
        .map(drop);
    say("ask", outcome(sent.and_then(|()| answered(&socket))));
}

pub(super) fn socket(domain: &str, kind: &str, protocol: &str) {
    let number = |text: &str| text.parse().expect("a number");
    // SAFETY: takes three numbers.
    let fd = unsafe { libc::socket(number(domain), number(kind), number(protocol)) };
    say(
        "socket",
        outcome(if fd < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }),
    );
}

/// Listens, and says whether anyone could connect before the test let go.
pub(super) fn listen(at: &str) {
    let listener = TcpListener::bind(address(at)).expect("a listener");
    say("listening", listener.local_addr().expect("an address"));
    wait();
    listener.set_nonblocking(true).expect("non-blocking");
    say("reached", outcome(listener.accept().map(drop)));
}
