//! Listeners that an earlier engine left open. They come by way of whoever kept them (a service
//! manager), so they are looked at as what they are, not taken at anybody's word.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, OwnedFd},
};

use nix::sys::socket::{getsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Bound, netns_of};

/// Sorts sockets into the places they belong to. An error unless all of them are the engine's: bound
/// to one port of the loopback addresses, listening if they are streams, in the network namespace of
/// this process, each once, and none missing but those of IPv6.
pub(super) fn sort(sockets: Vec<OwnedFd>) -> io::Result<Bound> {
    let here = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    let own = netns_of(&here);
    let (mut streams_v4, mut streams_v6, mut datagrams_v4, mut datagrams_v6) =
        (None, None, None, None);
    let mut port = None;
    for socket in sockets.into_iter().map(Socket::from) {
        let at = address(&socket)?;
        if !at.ip().is_loopback() || at.port() == 0 || *port.get_or_insert(at.port()) != at.port() {
            return Err(refused(
                "they are not at one port of the loopback addresses",
            ));
        }
        if netns_of(&socket) != own {
            return Err(refused("one belongs to another network namespace"));
        }
        socket.set_nonblocking(true)?;
        let place = match (is_stream(&socket)?, at) {
            (true, SocketAddr::V4(_)) => &mut streams_v4,
            (true, SocketAddr::V6(_)) => &mut streams_v6,
            (false, SocketAddr::V4(_)) => &mut datagrams_v4,
            (false, SocketAddr::V6(_)) => &mut datagrams_v6,
        };
        if place.replace(socket).is_some() {
            return Err(refused("two of them are alike"));
        }
    }
    let missing = || refused("some are missing");
    Ok(Bound {
        port: port.ok_or_else(missing)?,
        streams_v4: streams_v4.ok_or_else(missing)?.into(),
        streams_v6: streams_v6.map(Into::into),
        datagrams_v4: datagrams_v4.ok_or_else(missing)?.into(),
        datagrams_v6: datagrams_v6.map(Into::into),
    })
}

fn address(socket: &Socket) -> io::Result<SocketAddr> {
    socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| refused("one is not of the internet"))
}

/// Whether it is a listening stream, or else a datagram socket.
fn is_stream(socket: &Socket) -> io::Result<bool> {
    let listens = || getsockopt(&socket.as_fd(), sockopt::AcceptConn);
    match socket.r#type()? {
        Type::STREAM if listens()? => Ok(true),
        Type::DGRAM => Ok(false),
        _ => Err(refused("one does not listen")),
    }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    fn word(sockets: Vec<OwnedFd>) -> String {
        sort(sockets).expect_err("not the engine's").to_string()
    }

    #[test]
    fn a_pair_at_one_port_is_enough() {
        let streams = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = streams.local_addr().expect("an address").port();
        let datagrams = UdpSocket::bind(("127.0.0.1", port)).expect("a socket");
        let bound = sort(vec![datagrams.into(), streams.into()]).expect("the engine's");
        assert_eq!(bound.port, port);
        assert!(bound.streams_v6.is_none());
    }

    #[test]
    fn what_is_not_an_engines_is_refused() {
        let listener = |at| OwnedFd::from(TcpListener::bind(at).expect("a listener"));
        assert!(word(vec![listener("127.0.0.1:0")]).contains("missing"));
        assert!(word(vec![listener("0.0.0.0:0")]).contains("loopback"));
        let both = vec![listener("127.0.0.1:0"), listener("127.0.0.1:0")];
        assert!(word(both).contains("one port"));
        let twice = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let copy = twice.try_clone().expect("a copy");
        assert!(word(vec![twice.into(), copy.into()]).contains("alike"));
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        silent.bind(&any.into()).expect("to bind");
        assert!(word(vec![silent.into()]).contains("listen"));
        let (pipe, _other) = std::io::pipe().expect("a pipe");
        assert!(sort(vec![pipe.into()]).is_err());
    }
}
