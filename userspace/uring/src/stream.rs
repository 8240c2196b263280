//! [`Stream`]: a TCP connection, for whoever reads and writes.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{BufMut, BytesMut};
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, Shutdown, send, shutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::ring::{self, Orphans, Ring};

/// From here on bytes go to the kernel at once, where it takes them: they are not worth a copy.
const MUCH: usize = 16 << 10;

/// A TCP connection: on the ring of the thread it was made on, or tokio's where that has none.
#[derive(Debug)]
pub struct Stream(Way);

#[derive(Debug)]
enum Way {
    Ring(OnRing),
    Tokio(TcpStream),
}

#[derive(Debug)]
struct OnRing {
    /// Which ring.
    home: u64,
    key: usize,
    fd: Arc<OwnedFd>,
    orphans: Arc<Orphans>,
}

impl Stream {
    /// A connection that tokio has, as it is.
    #[must_use]
    pub fn of(stream: TcpStream) -> Self {
        Self(Way::Tokio(stream))
    }

    /// Puts the connection on this thread's ring, where it has one. It can be used on this thread
    /// only from here on.
    ///
    /// # Errors
    /// Where the socket can't be taken from tokio.
    pub fn onto_ring(self) -> io::Result<Self> {
        let Way::Tokio(stream) = self.0 else {
            return Ok(self);
        };
        if ring::with(|_| ()).is_none() {
            return Ok(Self(Way::Tokio(stream)));
        }
        let stream = stream.into_std()?;
        // A request for a socket that doesn't block would not wait either.
        stream.set_nonblocking(false)?;
        let fd = Arc::new(OwnedFd::from(stream));
        let way = ring::with(|ring| {
            Way::Ring(OnRing {
                home: ring.id(),
                orphans: ring.orphans(),
                fd: Arc::clone(&fd),
                key: ring.add(fd),
            })
        });
        way.map(Self)
            .ok_or_else(|| io::Error::other("the ring is in use"))
    }

    /// Takes what has come, all of it, behind what is in `to`. Ready with how much that is, which is
    /// nothing at the end; or nothing where the connection is not on a ring.
    pub fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut BytesMut,
    ) -> Option<Poll<io::Result<usize>>> {
        let Way::Ring(own) = &mut self.0 else {
            return None;
        };
        Some(own.poll_come(cx, |inbox| {
            let count = inbox.len();
            if to.is_empty() {
                *to = std::mem::take(inbox);
            } else {
                to.extend_from_slice(inbox);
                inbox.clear();
            }
            count
        }))
    }

    /// Whether a ring moves its bytes. What is written goes by itself either way; there a flush waits until
    /// the kernel has it.
    #[must_use]
    pub fn is_on_ring(&self) -> bool {
        matches!(self.0, Way::Ring(_))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Way::Ring(own) => own.fd.as_fd(),
            Way::Tokio(stream) => stream.as_fd(),
        }
    }
}

impl OnRing {
    fn with<T>(&self, work: impl FnOnce(&mut Ring) -> io::Result<T>) -> io::Result<T> {
        let done = ring::with(|ring| {
            if ring.id() == self.home {
                work(ring)
            } else {
                Err(io::Error::other(
                    "a connection is used on another thread than its own",
                ))
            }
        });
        done.unwrap_or_else(|| {
            Err(io::Error::other(
                "a connection is used where its ring is not",
            ))
        })
    }

    fn poll_come(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut BytesMut) -> usize,
    ) -> Poll<io::Result<usize>> {
        let key = self.key;
        let come = self.with(|ring| {
            let socket = ring.socket(key)?;
            if !socket.inbox.is_empty() {
                let count = take(&mut socket.inbox);
                if socket.inbox.is_empty() {
                    // An idle connection holds no memory.
                    socket.inbox = BytesMut::new();
                }
                return Ok(Poll::Ready(count));
            }
            if let Some(end) = socket.tell_end() {
                return end.map(|()| Poll::Ready(0));
            }
            note(&mut socket.reader, cx);
            ring.list_if_wanted(key);
            Ok(Poll::Pending)
        });
        match come {
            Ok(come) => come.map(Ok),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (key, fd) = (self.key, self.fd.as_raw_fd());
        let written = self.with(|ring| {
            let socket = ring.socket(key)?;
            socket.failure()?;
            if bytes.len() >= MUCH {
                if !socket.is_drained() {
                    note(&mut socket.writer, cx);
                    return Ok(0);
                }
                match send(fd, bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                    Ok(count) => return Ok(count),
                    Err(Errno::EAGAIN | Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let count = ring.write(key, bytes)?;
            if count == 0 {
                note(&mut ring.socket(key)?.writer, cx);
            }
            Ok(count)
        });
        match written {
            Ok(0) if !bytes.is_empty() => Poll::Pending,
            written => Poll::Ready(written),
        }
    }

    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let key = self.key;
        let drained = self.with(|ring| {
            let socket = ring.socket(key)?;
            socket.failure()?;
            if !socket.is_drained() {
                note(&mut socket.writer, cx);
            }
            Ok(socket.is_drained())
        });
        match drained {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for OnRing {
    fn drop(&mut self) {
        let own = ring::with(|ring| {
            let own = ring.id() == self.home;
            if own {
                ring.let_go(self.key);
            }
            own
        });
        if own != Some(true) {
            self.orphans.add(self.key);
        }
    }
}

fn note(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Way::Tokio(stream) => Pin::new(stream).poll_read(cx, to),
            Way::Ring(own) => own
                .poll_come(cx, |inbox| {
                    let count = inbox.len().min(to.remaining());
                    to.put(inbox.split_to(count));
                    count
                })
                .map_ok(drop),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Way::Tokio(stream) => Pin::new(stream).poll_write(cx, bytes),
            Way::Ring(own) => own.poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Way::Tokio(stream) => Pin::new(stream).poll_flush(cx),
            Way::Ring(own) => own.poll_drained(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Way::Tokio(stream) => Pin::new(stream).poll_shutdown(cx),
            Way::Ring(own) => own.poll_drained(cx).map(|drained| {
                drained?;
                match shutdown(own.fd.as_raw_fd(), Shutdown::Write) {
                    Ok(()) | Err(Errno::ENOTCONN) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }),
        }
    }
}
