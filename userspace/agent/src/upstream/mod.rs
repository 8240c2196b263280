//! Dial on an [`Admission`] or a [`Passage`], log in with the injected credential, forward only on a
//! [`RecordedPermit`].
//!
//! Nothing else in weir opens a connection to a target. The agent's own credentials, where it sends
//! any, end at the session; the target's stay in this room.
//!
//! [`Admission`]: crate::admit::Admission
//! [`Passage`]: crate::admit::Passage
//! [`RecordedPermit`]: weir_record::RecordedPermit

pub mod postgres;
pub mod tcp;
pub mod udp;

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use weir_intercept::Namespace;

use crate::{
    config::{CredentialError, Host, HostPort},
    route::is_link_local,
    tls::TlsError,
};

/// How long a target may take to answer a dial, and again to log weir in.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no session with the target. All are the target's or the configuration's fault.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing answers there. A retry may help.
    #[error("can't reach {upstream}: {source}")]
    Unreachable {
        /// What was dialled.
        upstream: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long. A retry may help.
    #[error("{0} did not answer in time")]
    Silent(String),
    /// It does not offer TLS, and the configuration demands it.
    #[error("{0} does not offer TLS, and its target does not say `tls.mode = \"disable\"`")]
    NoTls(String),
    /// TLS failed: most often a certificate that doesn't verify.
    #[error("can't verify {upstream}: {source}")]
    Tls {
        /// What was dialled.
        upstream: String,
        /// Why.
        source: TlsError,
    },
    /// The credential could not be read.
    #[error("the target's credential: {0}")]
    Credential(#[from] CredentialError),
    /// It asks for a way to log in that weir doesn't speak, or won't.
    #[error("{upstream} asks for {method}, which weir {why}")]
    Method {
        /// What was dialled.
        upstream: String,
        /// The way.
        method: String,
        /// Why not.
        why: &'static str,
    },
    /// The SCRAM exchange failed: the server could not prove itself, or was cut off.
    #[error("SCRAM with {upstream}: {source}")]
    Scram {
        /// What was dialled.
        upstream: String,
        /// Why.
        source: io::Error,
    },
    /// It refused the session, in its own words.
    #[error("{upstream} refused the session: {message} ({code})")]
    Refused {
        /// What was dialled.
        upstream: String,
        /// SQLSTATE.
        code: String,
        /// The server's message.
        message: String,
    },
    /// It sent what the protocol does not allow there.
    #[error("{upstream} broke the protocol: {message}")]
    Protocol {
        /// What was dialled.
        upstream: String,
        /// How.
        message: String,
    },
}

/// Opens the socket, for the rooms below that hold the proof.
async fn dial(upstream: &HostPort, from: Option<&Namespace>) -> Result<TcpStream, UpstreamError> {
    let attempt = async {
        match &upstream.host {
            Host::Address(ip) => connect(SocketAddr::new(*ip, upstream.port), from).await,
            Host::Name(name) => by_name(name.as_str(), upstream.port, from).await,
        }
    };
    let stream = timeout(PATIENCE, attempt)
        .await
        .map_err(|_| UpstreamError::Silent(upstream.to_string()))?
        .map_err(|source| UpstreamError::Unreachable {
            upstream: upstream.to_string(),
            source,
        })?;
    // Statements are small and answered one by one: a delayed segment is a delayed answer.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    Ok(stream)
}

/// To the first address of a name that answers. The name is looked up by weir, wherever it dials
/// from.
async fn by_name(name: &str, port: u16, from: Option<&Namespace>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(
        io::ErrorKind::NotFound,
        "the name has no address, or only link-local ones",
    );
    for address in addresses(name, port).await? {
        match connect(address, from).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Those of a name that it may lead to.
async fn addresses(name: &str, port: u16) -> io::Result<impl Iterator<Item = SocketAddr>> {
    let all = lookup_host((name, port)).await?;
    Ok(all.filter(|address| !is_link_local(address.ip())))
}

async fn connect(to: SocketAddr, from: Option<&Namespace>) -> io::Result<TcpStream> {
    match from {
        Some(namespace) => namespace.connect(to).await,
        None => TcpStream::connect(to).await,
    }
}

/// The name that a target's certificate is checked against, unless the configuration says another.
fn certificate_name(upstream: &HostPort) -> String {
    upstream.host.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_name_leads_to_a_link_local_address() {
        for name in ["169.254.169.254", "fe80::1"] {
            let refused = by_name(name, 80, None).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::NotFound, "{name}");
        }
    }
}
