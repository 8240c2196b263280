//! A real server on a port that nobody declared: whoever reaches it is counted and told so.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const TRIES: usize = 16;
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(5);
/// What whoever gets here is told.
const GREETING: &[u8] = b"you got through\n";

/// Listens on both loopback addresses, by TCP and by UDP, until dropped.
#[derive(Debug)]
pub(super) struct Bait {
    port: u16,
    visits: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Bait {
    /// Puts it out.
    pub(super) fn set() -> Result<Self> {
        let sockets = Sockets::bind().context("cannot find a free port")?;
        let port = sockets.port;
        let (visits, stop) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (count, ended) = (Arc::clone(&visits), Arc::clone(&stop));
        let serve = move || {
            while !ended.load(Ordering::Relaxed) {
                sockets.receive(&count);
                thread::sleep(POLL);
            }
        };
        let server = thread::Builder::new()
            .spawn(serve)
            .context("cannot start a thread")?;
        Ok(Self {
            port,
            visits,
            stop,
            server: Some(server),
        })
    }

    /// Its port, the same everywhere.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections and datagrams have come.
    pub(super) fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }

    /// Visits it from this process: what never counts anybody proves nothing.
    pub(super) fn visit(&self) -> Result<()> {
        for ip in LOOPBACKS {
            let mut stream = TcpStream::connect((ip, self.port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut told = Vec::new();
            stream.read_to_end(&mut told)?;
            if told != GREETING {
                bail!(
                    "the listener on port {} is not the one that was put there",
                    self.port
                );
            }
        }
        Ok(())
    }
}

impl Drop for Bait {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            server.join().ok();
        }
    }
}

const LOOPBACKS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

struct Sockets {
    port: u16,
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
}

impl Sockets {
    /// A port may be free here and taken there.
    fn bind() -> io::Result<Self> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for _ in 0..TRIES {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = first.local_addr()?.port();
            match Self::beside(first, port) {
                Ok(sockets) => return Ok(sockets),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn beside(first: TcpListener, port: u16) -> io::Result<Self> {
        let tcp = vec![first, TcpListener::bind((Ipv6Addr::LOCALHOST, port))?];
        let udp = LOOPBACKS
            .into_iter()
            .map(|ip| UdpSocket::bind(SocketAddr::new(ip, port)))
            .collect::<io::Result<Vec<_>>>()?;
        tcp.iter()
            .try_for_each(|socket| socket.set_nonblocking(true))?;
        udp.iter()
            .try_for_each(|socket| socket.set_nonblocking(true))?;
        Ok(Self { port, tcp, udp })
    }

    /// Greets whoever is there now. Counted first: who has been greeted has been counted.
    fn receive(&self, visits: &AtomicUsize) {
        for socket in &self.tcp {
            while let Ok((mut visitor, _)) = socket.accept() {
                visits.fetch_add(1, Ordering::Relaxed);
                visitor.write_all(GREETING).ok();
            }
        }
        for socket in &self.udp {
            let mut datagram = [0; 64];
            while let Ok((_, visitor)) = socket.recv_from(&mut datagram) {
                visits.fetch_add(1, Ordering::Relaxed);
                socket.send_to(GREETING, visitor).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visitor_is_counted() {
        let bait = Bait::set().unwrap();
        bait.visit().unwrap();
        for ip in LOOPBACKS {
            let visitor = UdpSocket::bind((ip, 0)).unwrap();
            visitor.set_read_timeout(Some(PATIENCE)).unwrap();
            visitor.send_to(b"?", (ip, bait.port())).unwrap();
            let mut told = [0; 64];
            let length = visitor.recv(&mut told).unwrap();
            assert_eq!(&told[..length], GREETING);
        }
        assert_eq!(bait.visits(), 4);
    }
}
