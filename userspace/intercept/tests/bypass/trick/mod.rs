//! What the tricks are made of: sockets with time-outs, options by number, descriptors passed on.

pub(crate) mod pass;
pub(crate) mod uring;
pub(crate) mod user;

use std::{
    io::{self, Read as _},
    net::SocketAddr,
    os::fd::AsRawFd,
    time::Duration,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::aim::Aim;

/// A connect or an answer that takes longer will not come: everything is on this host.
const PATIENCE: Duration = Duration::from_millis(500);

/// A socket by numbers, which waits for nothing for long.
pub(crate) fn socket(domain: i32, kind: i32, protocol: i32) -> io::Result<Socket> {
    let protocol = (protocol != 0).then(|| Protocol::from(protocol));
    let socket = Socket::new(Domain::from(domain), Type::from(kind), protocol)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // Also that of connect() (socket(7)).
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

pub(crate) fn domain(of: SocketAddr) -> i32 {
    i32::from(Domain::for_address(of))
}

pub(crate) fn tcp(to: SocketAddr) -> io::Result<Socket> {
    socket(domain(to), libc::SOCK_STREAM, 0)
}

pub(crate) fn udp(to: SocketAddr) -> io::Result<Socket> {
    socket(domain(to), libc::SOCK_DGRAM, 0)
}

/// Connects, sends the token and reads whatever comes.
pub(crate) fn dial(socket: &Socket, to: SocketAddr, aim: &Aim) -> io::Result<()> {
    socket.connect(&to.into())?;
    speak(socket, aim)
}

/// Sends the token on a connected socket, and reads whatever comes.
pub(crate) fn speak(socket: &Socket, aim: &Aim) -> io::Result<()> {
    socket.send(aim.payload())?;
    let _answer = listen(socket);
    Ok(())
}

pub(crate) fn listen(mut socket: &Socket) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; 256];
    let length = socket.read(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

/// An option that holds plain bytes or numbers.
pub(crate) fn option<T: Copy>(
    socket: &impl AsRawFd,
    level: i32,
    name: i32,
    value: &[T],
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(value)).expect("short");
    // SAFETY: an open descriptor, and as many readable bytes as are passed.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            length,
        )
    };
    done(set)
}

/// What a system call that gives 0 or -1 says.
pub(crate) fn done(returned: i32) -> io::Result<()> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A connected socket that no witness knows of: the other end is in the same process.
pub(crate) fn connected() -> io::Result<(Socket, Socket)> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = tcp(any)?;
    listener.bind(&any.into())?;
    listener.listen(1)?;
    let socket = tcp(any)?;
    socket.connect(&listener.local_addr()?)?;
    Ok((socket, listener))
}

/// `connect()` to an address of no family: a connected socket is so let go (connect(2)).
pub(crate) fn disconnect(socket: &Socket) -> io::Result<()> {
    let none = libc::sockaddr {
        sa_family: 0,
        sa_data: [0; 14],
    };
    // SAFETY: an open descriptor and an initialised address of the length that is passed.
    done(unsafe { libc::connect(socket.as_raw_fd(), &raw const none, 16) })
}

/// An IPv4 address as IPv6 writes it.
pub(crate) fn mapped(to: SocketAddr) -> SocketAddr {
    let SocketAddr::V4(v4) = to else { return to };
    SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
}

/// An interface's number.
pub(crate) fn index(device: &str) -> i32 {
    let index = nix::net::if_::if_nametoindex(device).expect("it exists");
    i32::try_from(index).expect("small")
}

/// `sendto()`, with flags.
pub(crate) fn send_to(
    socket: &Socket,
    bytes: &[u8],
    to: impl Into<SockAddr>,
    flags: i32,
) -> io::Result<()> {
    socket
        .send_to_with_flags(bytes, &to.into(), flags)
        .map(drop)
}

/// The worse of several outcomes, so that each of them is tried.
pub(crate) fn all(outcomes: impl IntoIterator<Item = io::Result<()>>) -> io::Result<()> {
    let outcomes: Vec<_> = outcomes.into_iter().collect();
    outcomes.into_iter().collect()
}
