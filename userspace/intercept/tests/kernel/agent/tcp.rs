//! Every way to open a TCP connection, and every trick to open one elsewhere.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::Duration,
};

use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{address, outcome, say, wait};

pub(super) fn tcp(to: SocketAddr) -> Socket {
    Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).expect("a socket")
}

pub(super) fn cookie(socket: &impl AsRawFd) -> u64 {
    const SO_COOKIE: libc::c_int = 57;
    let (mut cookie, mut length) = (0u64, 8);
    // SAFETY: an open descriptor; at most `length` bytes are written to `cookie`.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    assert_eq!(outcome, 0, "SO_COOKIE");
    cookie
}

pub(super) fn claim(socket: &impl AsRawFd, to: SocketAddr) -> String {
    format!("{} {} {to}\n", std::process::id(), cookie(socket))
}

/// Says who we are on a fresh connection, and reads who answered.
fn meet(stream: TcpStream, to: SocketAddr) -> io::Result<String> {
    (&stream).write_all(claim(&stream, to).as_bytes())?;
    heard(stream)
}

fn heard(stream: TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

pub(super) fn report(connected: io::Result<TcpStream>, to: SocketAddr) {
    let met = connected.and_then(|stream| {
        say("peer", stream.peer_addr()?);
        say("cookie", cookie(&stream));
        meet(stream, to)
    });
    match met {
        Ok(answer) => {
            say("connect", "OK");
            say("answer", answer);
        }
        Err(error) => say("connect", outcome(Err(error))),
    }
}

pub(super) fn connect(to: &str) {
    let to = address(to);
    say(
        "comm",
        fs::read_to_string("/proc/thread-self/comm")
            .expect("a name")
            .trim_end(),
    );
    report(TcpStream::connect(to), to);
}

/// Connects `count` times at once, spread over the destinations, and counts whose answer was right.
pub(super) fn many(count: usize, to: &[&str]) {
    let threads: Vec<_> = (0..count)
        .map(|index| {
            let to = address(to[index % to.len()]);
            let one = move || TcpStream::connect(to).and_then(|stream| meet(stream, to));
            let spawned = thread::Builder::new().stack_size(64 * 1024).spawn(one);
            (to, spawned.expect("a thread"))
        })
        .collect();
    let (mut right, mut wrong) = (0, 0);
    for (to, thread) in threads {
        match thread.join().expect("no panic") {
            Ok(answer) if answer == format!("weir {to}") => right += 1,
            other => {
                wrong += 1;
                say("wrong-one", format!("{to}: {other:?}"));
            }
        }
    }
    say("right", right);
    say("wrong", wrong);
}

pub(super) fn nonblocking(to: &str) {
    let to = address(to);
    let socket = tcp(to);
    socket.set_nonblocking(true).expect("non-blocking");
    say("begun", outcome(socket.connect(&to.into())));
    let mut poll = [nix::poll::PollFd::new(
        std::os::fd::AsFd::as_fd(&socket),
        nix::poll::PollFlags::POLLOUT,
    )];
    nix::poll::poll(&mut poll, 10_000u16).expect("writable");
    let failed = socket.take_error().expect("an outcome");
    say("ended", outcome(failed.map_or(Ok(()), Err)));
    socket.set_nonblocking(false).expect("blocking");
    report(Ok(socket.into()), to);
}

/// No connect at all: the first data is to ride on the SYN.
pub(super) fn fastopen(to: &str) {
    let to = address(to);
    let socket = tcp(to);
    let data = claim(&socket, to);
    let into: SockaddrStorage = to.into();
    let sent = sendto(
        socket.as_raw_fd(),
        data.as_bytes(),
        &into,
        MsgFlags::from_bits_retain(libc::MSG_FASTOPEN),
    );
    say("sent", outcome(sent.map(drop).map_err(io::Error::from)));
    say(
        "answer",
        heard(socket.into()).unwrap_or_else(|error| error.to_string()),
    );
}

/// One socket, two connections: disconnected in between by an address of no family.
pub(super) fn reconnect(first: &str, second: &str) {
    let (first, second) = (address(first), address(second));
    let socket = tcp(first);
    socket.connect(&first.into()).expect("the first connect");
    let copy: TcpStream = socket.try_clone().expect("a copy").into();
    say("first", meet(copy, first).expect("an answer"));
    let none = libc::sockaddr {
        sa_family: 0,
        sa_data: [0; 14],
    };
    // SAFETY: an open descriptor and an initialised address of the length that is passed.
    let unspec = unsafe { libc::connect(socket.as_raw_fd(), &raw const none, 16) };
    assert_eq!(unspec, 0, "disconnecting");
    report(
        socket.connect(&second.into()).map(|()| socket.into()),
        second,
    );
}

pub(super) fn from(source: &str, to: &str) {
    let to = address(to);
    let socket = tcp(to);
    socket
        .bind(&SockAddr::from(address(source)))
        .expect("a source address");
    report(socket.connect(&to.into()).map(|()| socket.into()), to);
}

pub(super) fn device_bound(device: &str, to: &str) {
    let to = address(to);
    let socket = tcp(to);
    socket
        .bind_device(Some(device.as_bytes()))
        .expect("a device");
    report(socket.connect(&to.into()).map(|()| socket.into()), to);
}

/// A loose source route (RFC 791, section 3.1): packets are to go by way of `hop`.
pub(super) fn routed(hop: &str, to: &str) {
    let to = address(to);
    let socket = tcp(to);
    let SocketAddr::V4(hop) = address(hop) else {
        panic!("IPv4 only")
    };
    let mut option = vec![131, 7, 4];
    option.extend(hop.ip().octets());
    option.push(0);
    // SAFETY: an open descriptor and as many readable bytes as are passed.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_OPTIONS,
            option.as_ptr().cast(),
            8,
        )
    };
    assert_eq!(set, 0, "IP_OPTIONS: {}", io::Error::last_os_error());
    report(
        socket
            .connect_timeout(&to.into(), Duration::from_millis(500))
            .map(|()| socket.into()),
        to,
    );
}

/// A segment routing header (RFC 8754, section 2): packets are to go by way of `hop`.
pub(super) fn segments(hop: &str, to: &str) {
    let to = address(to);
    let socket = tcp(to);
    let SocketAddr::V6(hop) = address(hop) else {
        panic!("IPv6 only")
    };
    let mut header = vec![0, 4, 4, 1, 1, 0, 0, 0];
    header.extend([0; 16]);
    header.extend(hop.ip().octets());
    // SAFETY: an open descriptor and as many readable bytes as are passed.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_RTHDR,
            header.as_ptr().cast(),
            40,
        )
    };
    assert_eq!(set, 0, "IPV6_RTHDR: {}", io::Error::last_os_error());
    let connected = socket.connect_timeout(&to.into(), Duration::from_millis(500));
    report(connected.map(|()| socket.into()), to);
}

/// Makes a socket, then leaves the cgroup with it: what a helper outside does that is handed one.
pub(super) fn handed(cgroup: &str, to: &str) {
    let to = address(to);
    let socket = tcp(to);
    fs::write(format!("{cgroup}/cgroup.procs"), "0").expect("to leave");
    report(socket.connect(&to.into()).map(|()| socket.into()), to);
}

/// Connects by a socket of a network namespace that it is not in any more, where loopback is up.
pub(super) fn foreign(to: &str) {
    let to = address(to);
    let before = fs::File::open("/proc/thread-self/ns/net").expect("a namespace");
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace");
    let up = loopback_up();
    say("loopback", outcome(up));
    let mut sockets: Vec<Socket> = (0..100).map(|_| tcp(to)).collect();
    nix::sched::setns(before, nix::sched::CloneFlags::CLONE_NEWNET).expect("to go back");
    // The engine may have seen us there, and listens until it sees that we have left.
    sockets.retain(|socket| {
        let served = socket.connect(&to.into()).is_ok();
        if served {
            thread::sleep(Duration::from_millis(50));
        }
        !served
    });
    let refused = sockets.first().expect("one that is refused");
    say("connect", outcome(refused.connect(&to.into())));
}

/// include/uapi/linux/if.h, in the width of the request.
const IFF_UP: libc::c_short = 1;

pub(crate) fn loopback_up() -> io::Result<()> {
    let socket: OwnedFd = Socket::new(Domain::IPV4, Type::DGRAM, None)?.into();
    // SAFETY: plain integers and bytes; all zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = IFF_UP;
    // SAFETY: an open descriptor and an initialised request.
    let outcome =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Connects again and again until let go, and counts how each attempt ended.
pub(super) fn again(to: &str) {
    let to = address(to);
    let counting = thread::spawn(move || {
        let (mut weir, mut wrong, mut failed) = (0u32, 0u32, 0u32);
        loop {
            match TcpStream::connect(to).and_then(|stream| meet(stream, to)) {
                Ok(answer) if answer == format!("weir {to}") => weir += 1,
                Ok(answer) if !answer.is_empty() => {
                    say("wrong-one", answer);
                    wrong += 1;
                }
                // Closed without a word, or never opened: an engine that died.
                other => {
                    say("failed-by", format!("{other:?}"));
                    failed += 1;
                    thread::sleep(Duration::from_millis(2));
                }
            }
            say("counts", format!("{weir} {wrong} {failed}"));
        }
    });
    wait();
    drop(counting);
}

/// Connects from this address, then turns the connection to a device and sends on it.
pub(super) fn turned(to: &str, source: &str, device: &str) {
    let to = address(to);
    let socket = tcp(to);
    socket
        .bind(&SockAddr::from(address(source)))
        .expect("a source address");
    say("connect", outcome(socket.connect(&to.into())));
    socket
        .bind_device(Some(device.as_bytes()))
        .expect("a device");
    say(
        "sent",
        outcome(socket.send(b"out by the side door\n").map(drop)),
    );
}

/// Connects from an address that no interface need have, without waiting for the outcome long.
pub(super) fn freebound(source: &str, to: &str) {
    let to = address(to);
    let socket = tcp(to);
    super::dns::freebind(&socket, address(source)).expect("a source address");
    let connected = socket.connect_timeout(&to.into(), Duration::from_millis(300));
    say("connect", outcome(connected));
}
