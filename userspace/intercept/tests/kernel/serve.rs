//! The other ends of what agents dial: the engine under test, and targets that nobody should reach.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use weir_intercept::{
    AcceptError, Intercepted, Interceptor,
    attribute::{self, Origin},
};

use crate::SOON;

/// One connection as the engine saw it.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) orig_dst: SocketAddr,
    pub(crate) origin: Origin,
    pub(crate) cookie: u64,
    /// What the agent itself says of this connection: `pid cookie destination`.
    pub(crate) claim: String,
}

/// Accepts and answers connections until `work` is done.
pub(crate) async fn while_serving<T>(
    weir: &Interceptor,
    work: impl Future<Output = T>,
) -> (T, Vec<Caught>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let serve = async {
        loop {
            match weir.accept().await {
                Ok(intercepted) => drop(tokio::spawn(answer(intercepted, sender.clone()))),
                Err(AcceptError::Unattributed { peer }) => panic!("{peer} came unattributed"),
                Err(error) => panic!("{error}"),
            }
        }
    };
    let done = tokio::select! {
        done = timeout(SOON, work) => done.expect("the agent hangs"),
        () = serve => unreachable!("serving has no end"),
    };
    drop(sender);
    let mut caught = Vec::new();
    while let Some(one) = timeout(SOON, receiver.recv())
        .await
        .expect("a connection hangs")
    {
        caught.push(one);
    }
    (done, caught)
}

/// Reads the agent's claim and tells it where it wanted to go.
async fn answer(intercepted: Intercepted, sender: mpsc::UnboundedSender<Caught>) {
    let origin = attribute::origin(&intercepted).await;
    let orig_dst = intercepted.orig_dst.get();
    let cookie = intercepted.cookie.get();
    let mut io = BufReader::new(intercepted.io);
    let mut claim = String::new();
    // A client that is killed meanwhile has no claim; its test does not look for one.
    let _read = io.read_line(&mut claim).await;
    let _written = io
        .get_mut()
        .write_all(format!("weir {orig_dst}\n").as_bytes())
        .await;
    let claim = claim.trim_end().to_owned();
    let _sent = sender.send(Caught {
        orig_dst,
        origin,
        cookie,
        claim,
    });
}

/// A listener outside every workload, which greets whoever reaches it. Nobody in one should.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    reached: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Target {
    pub(crate) async fn new(ip: &str) -> Self {
        let listener = tokio::net::TcpListener::bind((ip, 0))
            .await
            .expect("a listener");
        let address = listener.local_addr().expect("an address");
        let reached = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&reached);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(greet(stream));
            }
        });
        Self {
            address,
            reached,
            task,
        }
    }

    pub(crate) fn reached(&self) -> u32 {
        self.reached.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn greet(stream: TcpStream) {
    let mut io = BufReader::new(stream);
    let _read = io.read_line(&mut String::new()).await;
    let _written = io.get_mut().write_all(b"target\n").await;
}
