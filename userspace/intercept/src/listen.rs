//! The engine's listeners: one port, on both loopback addresses.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    os::fd::AsRawFd as _,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::{InterceptError, NetnsCookie};

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`. A full
/// queue costs an agent a second of waiting, so it is long.
const BACKLOG: i32 = 4096;

/// How often another port is tried when the one that was free on 127.0.0.1 is taken on `::1`.
const ATTEMPTS: u32 = 32;

/// include/uapi/asm-generic/socket.h
const SO_NETNS_COOKIE: libc::c_int = 71;

#[derive(Debug)]
pub(crate) struct Listeners {
    v4: TcpListener,
    /// `None` on a host without IPv6, where a redirected IPv6 connect fails, as it should.
    v6: Option<TcpListener>,
    port: u16,
}

impl Listeners {
    /// Binds a free port. The sockets belong to the cgroup that the process is in at this moment.
    pub(crate) fn bind() -> Result<Self, InterceptError> {
        let mut attempt = 1;
        loop {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let v4 = listen(any).map_err(failed(any))?;
            let port = v4.local_addr().map_err(failed(any))?.port();
            let same = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
            let v6 = match listen(same) {
                Ok(listener) => Some(listener),
                Err(error) if no_ipv6(&error) => {
                    tracing::warn!(%error, "this host has no IPv6: its connects will fail");
                    None
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS => {
                    attempt += 1;
                    continue;
                }
                Err(error) => return Err(failed(same)(error)),
            };
            return Ok(Self {
                v4: TcpListener::from_std(v4).map_err(failed(any))?,
                v6: v6
                    .map(TcpListener::from_std)
                    .transpose()
                    .map_err(failed(same))?,
                port,
            });
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The network namespace that the listeners are in; `None` where the kernel has no
    /// `SO_NETNS_COOKIE` (before 5.14).
    pub(crate) fn netns(&self) -> Option<NetnsCookie> {
        let mut cookie = 0u64;
        let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).unwrap_or_default();
        // SAFETY: the descriptor is open, and the option writes at most `length` bytes to `cookie`.
        let outcome = unsafe {
            libc::getsockopt(
                self.v4.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_NETNS_COOKIE,
                (&raw mut cookie).cast(),
                &raw mut length,
            )
        };
        (outcome == 0).then(|| NetnsCookie::new(cookie))
    }

    /// The next connection on either address.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let Some(v6) = &self.v6 else {
            return self.v4.accept().await;
        };
        tokio::select! {
            accepted = self.v4.accept() => accepted,
            accepted = v6.accept() => accepted,
        }
    }
}

/// A socket that no one else can share the port of: no `SO_REUSEADDR`, no `SO_REUSEPORT`.
fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT)
    )
}

fn failed(address: SocketAddr) -> impl FnOnce(io::Error) -> InterceptError {
    move |source| InterceptError::Listen { address, source }
}
