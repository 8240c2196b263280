//! Ports for servers that must be told theirs.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

const TRIES: usize = 8;

/// A port that was free on both loopback addresses a moment ago.
///
/// # Errors
/// When the kernel gives none, or only ports that are taken on the other address.
pub fn free_port() -> io::Result<u16> {
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = v4.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}
