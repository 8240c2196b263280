//! Accepts connections together with who made them.

use std::{io, time::Duration};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::net::{UnixListener, UnixStream};

use super::peer::Peer;

/// How long to wait after an accept that failed for want of descriptors or memory.
const RETRY: Duration = Duration::from_millis(200);

/// A unix listener whose connections carry their peer.
pub(super) struct PeerListener(pub(super) UnixListener);

impl Listener for PeerListener {
    type Io = UnixStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (UnixStream, Peer) {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => {
                    // At once: the longer one waits, the likelier the process is gone.
                    let peer = Peer::of(&stream);
                    return (stream, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection to the local API");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a listener has no peer",
        ))
    }
}

impl Connected<IncomingStream<'_, PeerListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, PeerListener>) -> Self {
        stream.remote_addr().clone()
    }
}
