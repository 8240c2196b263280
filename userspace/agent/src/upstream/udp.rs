//! Open a socket to pass datagrams on: connect it on a [`Passage`], and let nothing be sent before
//! the intent is on record.
//!
//! Known limits: a name's first address is taken that can be routed to; whether anybody answers
//! there can't be known. How large a datagram may be on the way is not told to the workload: weir's
//! host fragments what is larger.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::{net::UdpSocket, time::timeout};
use weir_intercept::Namespace;
use weir_record::{RecordError, RecordedPermit};

use super::{PATIENCE, UpstreamError, addresses};
use crate::{
    admit::Passage,
    config::{Host, HostPort, Udp, is_of_one_host},
};

/// A socket that is connected, and that nobody can send anything on or read anything from yet.
#[derive(Debug)]
pub struct HeldDatagrams(UdpSocket);

/// Connects a socket, which sends nothing. The proof says where to.
///
/// # Errors
/// [`UpstreamError::Unreachable`] or [`UpstreamError::Silent`].
pub async fn open(passage: &Passage<Udp>) -> Result<HeldDatagrams, UpstreamError> {
    let upstream = passage.upstream();
    let opened = timeout(PATIENCE, to_upstream(upstream, passage.namespace()))
        .await
        .map_err(|_| UpstreamError::Silent(upstream.to_string()))?;
    opened
        .map(HeldDatagrams)
        .map_err(|source| UpstreamError::Unreachable {
            upstream: upstream.to_string(),
            source,
        })
}

impl HeldDatagrams {
    /// Gives the socket up to be used, for the proof that its intent is on record, once that is as
    /// durable as is demanded.
    ///
    /// # Errors
    /// [`RecordError::Sync`] when the disk did not take it.
    pub async fn release(self, recorded: &RecordedPermit) -> Result<UdpSocket, RecordError> {
        recorded.commit().await?;
        Ok(self.0)
    }
}

async fn to_upstream(upstream: &HostPort, from: Option<&Namespace>) -> io::Result<UdpSocket> {
    let name = match &upstream.host {
        Host::Address(ip) => return connect(SocketAddr::new(*ip, upstream.port), from).await,
        Host::Name(name) => name.as_str(),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address of a host");
    let addresses = addresses(name, upstream.port).await?;
    for address in addresses.filter(|address| is_of_one_host(address.ip())) {
        match connect(address, from).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect(to: SocketAddr, from: Option<&Namespace>) -> io::Result<UdpSocket> {
    match from {
        Some(namespace) => namespace.connect_datagram(to).await,
        None => {
            let any = match to {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(to).await?;
            Ok(socket)
        }
    }
}
