//! Real connections over loopback, and what goes wrong with them.

mod bytes;
mod drops;
mod ends;
mod flood;
mod many;
mod take;
mod threads;
mod turns;
mod wakers;

use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Builder,
    task::{LocalSet, spawn_local, yield_now},
    time::timeout,
};

use super::*;

/// What could hang takes no longer than this.
const LONG: Duration = Duration::from_secs(20);
/// Where nothing happened for so long, nothing more is taken to happen.
const QUIET: Duration = Duration::from_millis(150);

/// A driver that counts how often it is polled.
struct Counted(Driver, Arc<AtomicUsize>);

impl Future for Counted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Runs a test on a thread of its own that has a ring.
fn on_ring<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    on_counted_ring(|_| test());
}

/// The same, for tests that look at how often the ring had its turn. Also ends where the thread spins.
fn on_counted_ring<F: Future<Output = ()>>(
    test: impl FnOnce(Arc<AtomicUsize>) -> F + Send + 'static,
) {
    let (over, ended) = mpsc::channel::<()>();
    let done = thread::spawn(move || {
        let over = over;
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let polls = Arc::new(AtomicUsize::new(0));
            tokio::spawn(Counted(start().unwrap(), Arc::clone(&polls)));
            LocalSet::new().run_until(test(polls)).await;
        });
        drop(over);
    });
    let ended = ended.recv_timeout(LONG * 5);
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected), "hangs");
    if let Err(panic) = done.join() {
        std::panic::resume_unwind(panic);
    }
}

async fn soon<F: Future>(what: F) -> F::Output {
    timeout(LONG, what).await.expect("hangs")
}

/// Waits until something is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    soon(async {
        while !is_so() {
            // Long enough for an idle ring to be idle.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// An address of loopback that hardly any connection has or had: those that have ended keep their ports
/// for a minute, and one address has ports for a few tests only.
fn unused_address() -> Ipv4Addr {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = Random::new(std::process::id().into()).next();
    let next = next.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let [.., high, middle, low] = next.to_be_bytes();
    // Neither 127.0.0.0 nor 127.255.255.255.
    Ipv4Addr::new(127, high, middle, low.clamp(1, 254))
}

/// Two ends of a connection, with this much memory for each direction where it isn't for the kernel to say.
async fn ends(room: Option<u32>) -> (TcpStream, TcpStream) {
    let socket = || {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(room) = room {
            socket.set_recv_buffer_size(room).unwrap();
            socket.set_send_buffer_size(room).unwrap();
        }
        socket
    };
    let listening = socket();
    listening
        .bind(SocketAddr::from((unused_address(), 0)))
        .unwrap();
    let listener: TcpListener = listening.listen(16).unwrap();
    let other = socket().connect(listener.local_addr().unwrap());
    let (accepted, other) = tokio::join!(listener.accept(), other);
    (accepted.unwrap().0, other.unwrap())
}

/// Two ends of a connection: one on the ring, one of tokio's.
async fn pair() -> (Stream, TcpStream) {
    let (own, other) = ends(None).await;
    (on(own), other)
}

/// The same, where the kernel holds few bytes of what is sent.
async fn narrow() -> (Stream, TcpStream) {
    let (own, other) = ends(Some(16 << 10)).await;
    (on(own), other)
}

fn on(own: TcpStream) -> Stream {
    let stream = Stream::of(own).onto_ring().unwrap();
    assert!(stream.is_on_ring());
    stream
}

/// Polls it once.
async fn once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    std::future::poll_fn(|cx| Poll::Ready(poll(cx))).await
}

/// Has the kernel receive for a stream that nothing comes to.
async fn arm(stream: &mut Stream) {
    let mut byte = [0];
    let mut byte = tokio::io::ReadBuf::new(&mut byte);
    let read = once(|cx| Pin::new(&mut *stream).poll_read(cx, &mut byte)).await;
    assert!(read.is_pending());
    turn().await;
}

/// Lets the ring have its turn.
async fn turn() {
    for _ in 0..4 {
        yield_now().await;
    }
}

/// Writes until nothing more goes, and says how much that was.
async fn fill(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> usize {
    let mut filled = 0;
    // What takes no more of much may take more of a little.
    for most in [usize::MAX, 1000, 1] {
        while filled < bytes.len() {
            let end = bytes.len().min(filled.saturating_add(most));
            match timeout(QUIET, to.write(&bytes[filled..end])).await {
                Ok(count) => filled += count.unwrap(),
                Err(_) => break,
            }
        }
    }
    filled
}

/// Waits for a thread without keeping this one from what it has to do.
async fn joined<T: Send + 'static>(thread: thread::JoinHandle<T>) -> T {
    let joined = tokio::task::spawn_blocking(|| thread.join());
    soon(joined).await.unwrap().unwrap()
}

/// Reads what is to come, to the end.
async fn all(from: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    soon(from.read_to_end(&mut all)).await.unwrap();
    all
}

async fn read(from: &mut (impl AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    soon(from.read_exact(&mut bytes)).await.unwrap();
    bytes
}

/// Says where they differ rather than all that is in them.
fn same(got: &[u8], sent: &[u8]) {
    let differ = got.iter().zip(sent).position(|(got, sent)| got != sent);
    assert_eq!(
        (differ, got.len()),
        (None, sent.len()),
        "where they differ, and how many came"
    );
}

/// Numbers that look random and are the same each time (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 16) % end as u64).unwrap()
    }
}

/// Bytes of which no part is like another, nor like those of another seed.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let words = (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes());
    words.take(length).collect()
}

/// The other end, sending back what comes, on a thread of its own.
fn echo(other: TcpStream) -> thread::JoinHandle<()> {
    use std::io::{Read, Write};
    let mut other = blocking(other);
    thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        loop {
            match other.read(&mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(count) if other.write_all(&bytes[..count]).is_err() => return,
                Ok(_) => {}
            }
        }
    })
}

fn blocking(other: TcpStream) -> std::net::TcpStream {
    let other = other.into_std().unwrap();
    other.set_nonblocking(false).unwrap();
    other
}
