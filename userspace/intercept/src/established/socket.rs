//! One socket that a process of the workload holds, looked at and closed by way of a descriptor that
//! is shared with that process. For what the kernel's table does not show, and for kernels that can't
//! close by it.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, AsRawFd as _},
};

use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt};
use socket2::SockRef;

use super::{found::Protocol, held::Holder};

const NOT_FROM_OUTSIDE: &str = "a socket of this kind can't be closed from outside its process";

/// include/uapi/linux/in.h
const IPPROTO_MPTCP: i32 = 262;

/// What kind of socket it is, as far as that decides what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Leaves the host by no means of its own: Unix sockets are another room's, netlink and the
    /// kernel's cryptography carry nothing out.
    Inward,
    /// TCP (MPTCP too) or UDP: what it dials next, the programs judge; what it is connected to now,
    /// they do not.
    Judged,
    /// No hook judges what it sends, connected or not.
    Unjudged,
}

/// A socket, shared with its holder.
pub(super) struct Shared {
    file: std::fs::File,
    pub(super) protocol: Protocol,
    pub(super) kind: Kind,
    pub(super) local: Option<SocketAddr>,
    /// `None`: it is connected to nothing that has an IP address.
    pub(super) remote: Option<SocketAddr>,
    pub(super) listens: bool,
}

impl Shared {
    pub(super) fn new(holder: Holder, inode: u64) -> io::Result<Self> {
        let file = holder.share(inode)?;
        let socket = SockRef::from(&file);
        let family = option(&file, libc::SO_DOMAIN)?;
        let kind = option(&file, libc::SO_TYPE)?;
        let number = option(&file, libc::SO_PROTOCOL)?;
        let (local, remote) = (socket.local_addr(), socket.peer_addr());
        let (local, remote) = (ip(local), ip(remote));
        Ok(Self {
            protocol: protocol(family, kind, number),
            kind: kind_of(family, number),
            local,
            remote,
            listens: getsockopt(&file, sockopt::AcceptConn).unwrap_or(false),
            file,
        })
    }

    /// Takes its connection away, so that the next one is judged, or else shuts it for good.
    pub(super) fn close(&self) -> Result<(), &'static str> {
        if self.kind == Kind::Judged && self.disconnect().is_ok() {
            return Ok(());
        }
        // Raw and packet sockets send on after a shutdown.
        if matches!(
            self.protocol,
            Protocol::Other {
                kind: libc::SOCK_RAW,
                ..
            }
        ) {
            return Err(NOT_FROM_OUTSIDE);
        }
        match shutdown(self.file.as_raw_fd(), Shutdown::Both) {
            // A datagram socket that is connected to nothing says ENOTCONN and is shut all the same.
            Ok(()) => Ok(()),
            Err(nix::errno::Errno::ENOTCONN) if self.is_inet() => Ok(()),
            Err(_) => Err(NOT_FROM_OUTSIDE),
        }
    }

    fn is_inet(&self) -> bool {
        matches!(
            self.protocol,
            Protocol::Tcp
                | Protocol::Udp
                | Protocol::Other {
                    family: libc::AF_INET | libc::AF_INET6,
                    ..
                }
        )
    }

    /// connect(2) to no address.
    fn disconnect(&self) -> io::Result<()> {
        // SAFETY: all zero is a value of it, and names AF_UNSPEC.
        let nobody: libc::sockaddr = unsafe { std::mem::zeroed() };
        let length = libc::socklen_t::try_from(size_of_val(&nobody)).unwrap_or_default();
        // SAFETY: an open descriptor, and an address of the length that is given.
        let outcome = unsafe { libc::connect(self.file.as_raw_fd(), &raw const nobody, length) };
        if outcome == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

fn ip(address: io::Result<socket2::SockAddr>) -> Option<SocketAddr> {
    let address = address.ok()?.as_socket()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn protocol(family: i32, kind: i32, number: i32) -> Protocol {
    match (family, number) {
        (libc::AF_INET | libc::AF_INET6, libc::IPPROTO_TCP) => Protocol::Tcp,
        (libc::AF_INET | libc::AF_INET6, libc::IPPROTO_UDP) => Protocol::Udp,
        _ => Protocol::Other {
            family,
            kind,
            number,
        },
    }
}

fn kind_of(family: i32, number: i32) -> Kind {
    match family {
        libc::AF_UNIX | libc::AF_NETLINK | libc::AF_ALG => Kind::Inward,
        libc::AF_INET | libc::AF_INET6
            if matches!(
                number,
                libc::IPPROTO_TCP | libc::IPPROTO_UDP | IPPROTO_MPTCP
            ) =>
        {
            Kind::Judged
        }
        _ => Kind::Unjudged,
    }
}

/// A socket option that is a number.
fn option(socket: &std::fs::File, name: libc::c_int) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
    // SAFETY: an open descriptor, and room for as many bytes as `length` says.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if outcome == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}
