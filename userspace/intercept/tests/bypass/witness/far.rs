//! The witness in a network namespace of its own, across a veth pair: it answers TCP at any of its
//! addresses, sees every packet that arrives, and dials agents that listen.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex, PoisonError, Weak, mpsc},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, Protocol, Socket, Type};

use super::capture::Packet;
use crate::aim::Aim;

/// Where it answers.
const PORT: u16 = 4477;

/// How often its threads look whether they are still needed.
const LOOK: Duration = Duration::from_millis(100);

type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct Far {
    pub(crate) device: String,
    seen: Arc<Mutex<Vec<Packet>>>,
    /// To the thread that lives in the namespace.
    jobs: mpsc::Sender<Job>,
    number: u16,
    next: Mutex<u16>,
}

impl Far {
    pub(crate) fn new() -> Self {
        let number = u16::try_from(std::process::id() % 120).expect("below 120");
        let (jobs, todo) = mpsc::channel::<Job>();
        let (told, tid) = mpsc::channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            told.send(nix::unistd::gettid()).expect("a reader");
            todo.into_iter().for_each(|job| job());
        });
        let tid = tid.recv().expect("a thread");
        let far = Self {
            device: format!("weir-bp{number}"),
            seen: Arc::default(),
            jobs,
            number,
            next: Mutex::new(0),
        };
        far.wire(tid.as_raw());
        let seen = Arc::clone(&far.seen);
        far.within(move || {
            serve();
            capture(&seen);
        });
        far
    }

    /// Runs in the namespace.
    fn within<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, outcome) = mpsc::channel();
        let job = move || drop(done.send(job()));
        self.jobs.send(Box::new(job)).expect("its thread lives");
        outcome.recv().expect("its thread lives")
    }

    fn wire(&self, tid: i32) {
        let (device, far) = (&self.device, "far0");
        let (host4, host6) = (self.host4(), self.host6());
        let (link4, link6) = (self.v4(0, 2), self.v6(0, 2));
        let (all4, all6) = (self.v4(0, 0), self.v6(1, 0));
        // What a run that was killed left.
        let _left = Command::new("ip").args(["link", "del", device]).output();
        ip(&format!(
            "link add {device} type veth peer name {far} netns {tid}"
        ));
        ip(&format!("addr add {host4}/30 dev {device}"));
        ip(&format!("addr add {host6}/64 dev {device} nodad"));
        ip(&format!("link set {device} up"));
        let within = [
            "link set lo up".to_owned(),
            format!("addr add {link4}/30 dev {far}"),
            format!("addr add {link6}/64 dev {far} nodad"),
            format!("link set {far} up"),
            // Every address of these is its own.
            format!("route add local {all4}/22 dev lo"),
            format!("route add local {all6}/64 dev lo"),
            format!("route add local ::{all4}/118 dev lo"),
            // More exact, or the host would be taken for itself.
            format!("route add {host4}/32 dev {far} table local"),
        ];
        self.within(move || within.iter().for_each(|args| ip(args)));
        ip(&format!("route add {all4}/22 via {link4} dev {device}"));
        ip(&format!("route add ::{all4}/118 via {link6} dev {device}"));
        ip(&format!("route add {all6}/64 via {link6} dev {device}"));
    }

    /// An address of its block of 198.18.0.0/15, which is set aside for tests (RFC 2544).
    fn v4(&self, third: u16, last: u8) -> Ipv4Addr {
        let block = self.number * 4 + third;
        let [high, low] = block.to_be_bytes();
        Ipv4Addr::new(198, 18 + high, low, last)
    }

    fn v6(&self, subnet: u16, last: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfd57, 0x7765, self.number, subnet, 0, 0, 0, last)
    }

    pub(crate) fn host4(&self) -> IpAddr {
        self.v4(0, 1).into()
    }

    pub(crate) fn host6(&self) -> IpAddr {
        self.v6(0, 1).into()
    }

    /// Two addresses of it that nobody has heard of.
    pub(crate) fn fresh(&self) -> (SocketAddr, SocketAddr) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        let last = u8::try_from(*next % 250).expect("below 250") + 1;
        let v4 = self.v4(1 + *next / 250, last);
        assert!(*next < 750, "its block has no more addresses");
        (
            SocketAddr::new(v4.into(), PORT),
            SocketAddr::new(self.v6(1, *next).into(), PORT),
        )
    }

    /// What it saw of this attempt.
    pub(crate) fn saw(&self, aim: &Aim) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter()
            .filter(|packet| packet.is_of(aim))
            .map(|packet| format!("the far witness: {}", packet.describe()))
            .collect()
    }

    pub(crate) fn forget(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Connects to an agent that listens, and reads what it says: from this attempt's own address,
    /// where every packet counts, or, as a stranger, from another, where only the token does.
    pub(crate) fn dial(&self, aim: &Aim, to: SocketAddr, datagram: bool, stranger: bool) -> String {
        let from: IpAddr = match (to.is_ipv4(), stranger) {
            (true, false) => aim.far4.ip(),
            (false, false) => aim.far6.ip(),
            (true, true) => self.v4(0, 2).into(),
            (false, true) => self.v6(0, 2).into(),
        };
        let from = SocketAddr::new(from, 0);
        self.within(move || super::near::dial(from, to, datagram))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _gone = Command::new("ip")
            .args(["link", "del", &self.device])
            .output();
    }
}

fn ip(args: &str) {
    let output = Command::new("ip")
        .args(args.split(' '))
        .output()
        .expect("ip(8)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {said}");
}

/// Accepts at every address that is its own, with data on the SYN too, and says hello.
fn serve() {
    // Data on a SYN, as a server, without a cookie (ip-sysctl, tcp_fastopen).
    std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", "1539").expect("a setting");
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_only_v6(false).expect("both families");
    socket
        .bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())
        .expect("a free port");
    socket.listen(64).expect("a listener");
    let listener: TcpListener = socket.into();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || greet(stream));
        }
    });
}

fn greet(mut stream: TcpStream) {
    let _set = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _read = stream.read(&mut [0; 256]);
    let _written = stream.write_all(b"witness\n");
}

/// Keeps what arrives while anyone may ask for it.
fn capture(seen: &Arc<Mutex<Vec<Packet>>>) {
    let every = i32::from(3u16.to_be());
    let socket =
        Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(every))).expect("a socket");
    socket.set_recv_buffer_size(4 << 20).expect("room");
    socket.set_read_timeout(Some(LOOK)).expect("a time-out");
    let seen = Arc::downgrade(seen);
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Some(seen) = Weak::upgrade(&seen) {
            if let Ok(length) = (&socket).read(&mut buffer) {
                let packet = Packet(buffer[..length].to_vec());
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(packet);
            }
        }
    });
}
