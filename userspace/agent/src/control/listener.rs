//! Accepts connections together with who made them, and only so many of each user: a socket that
//! everybody reaches must not be filled up by anybody.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use nix::unistd::geteuid;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream},
};

use super::peer::Peer;

/// How long to wait after an accept that failed for want of descriptors or memory.
const RETRY: Duration = Duration::from_millis(200);
/// Most connections of one user who is no operator.
const MOST_OF_ONE: usize = 16;
/// Most connections of all such users.
const MOST: usize = 512;

/// A unix listener whose connections carry their peer.
pub(super) struct PeerListener {
    listener: UnixListener,
    open: Open,
}

/// How many connections each user has open.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<HashMap<u32, usize>>>);

/// One that counts until it is dropped.
struct Counted {
    open: Open,
    uid: u32,
}

/// A connection that counts.
pub(super) struct PeerStream {
    stream: UnixStream,
    _counted: Option<Counted>,
}

impl PeerListener {
    pub(super) fn new(listener: UnixListener) -> Self {
        Self {
            listener,
            open: Open::default(),
        }
    }
}

impl Open {
    /// None where there are too many already.
    fn count(&self, uid: u32) -> Option<Counted> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&uid).copied().unwrap_or(0);
        if all >= MOST || own >= MOST_OF_ONE {
            return None;
        }
        open.insert(uid, own + 1);
        Some(Counted {
            open: self.clone(),
            uid,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.uid) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                open.remove(&self.uid);
            }
        }
    }
}

impl Listener for PeerListener {
    type Io = PeerStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (PeerStream, Peer) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // At once: the longer one waits, the likelier the process is gone.
                    let peer = Peer::of(&stream);
                    let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
                    let operator = uid == 0 || uid == geteuid().as_raw();
                    let counted = self.open.count(uid).filter(|_| !operator);
                    if counted.is_none() && !operator {
                        tracing::warn!(uid, "a user has too many connections to the local API");
                        continue;
                    }
                    let stream = PeerStream {
                        stream,
                        _counted: counted,
                    };
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

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_user_fills_the_api_for_others() {
        let open = Open::default();
        let held: Vec<_> = (0..MOST_OF_ONE).map(|_| open.count(7).unwrap()).collect();
        assert!(open.count(7).is_none());
        let other = open.count(8).unwrap();
        drop(held);
        assert!(open.count(7).is_some());
        drop(other);
        assert!(open.0.lock().unwrap().is_empty());
    }
}
