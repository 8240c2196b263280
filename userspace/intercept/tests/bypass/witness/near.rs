//! The witness on this host, outside every workload: TCP and UDP on loopback, and Unix sockets.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::{UnixDatagram, UnixListener},
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

/// How long anything on this host may take to answer, and how often threads look whether they are
/// still needed.
const PATIENCE: Duration = Duration::from_millis(400);

/// include/uapi/linux/in6.h
const IPV6_FREEBIND: i32 = 78;

/// What one attempt's own witness saw.
pub(crate) struct Near {
    pub(crate) v4: SocketAddr,
    pub(crate) v6: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Near {
    pub(crate) fn new(v4: &str, unix: &Path) -> Self {
        let seen = Arc::default();
        let v4 = listen(v4, 0, &seen);
        let v6 = listen("::1", 0, &seen);
        listen_unix(unix, &seen);
        Self { v4, v6, seen }
    }

    pub(crate) fn saw(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn note(seen: &Arc<Mutex<Vec<String>>>, what: &str) {
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(format!("the near witness: {what}"));
}

/// Runs while anyone may ask what was seen.
fn watch(
    seen: &Arc<Mutex<Vec<String>>>,
    mut step: impl FnMut(&Arc<Mutex<Vec<String>>>) + Send + 'static,
) {
    let seen = Arc::downgrade(seen);
    thread::spawn(move || {
        while let Some(seen) = Weak::upgrade(&seen) {
            step(&seen);
        }
    });
}

/// TCP and UDP at one port.
fn listen(ip: &str, port: u16, seen: &Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind((ip, port)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let Ok(datagrams) = UdpSocket::bind(address) else {
        return listen(ip, 0, seen);
    };
    // The time-out of a listener is that of its accept() (socket(7)).
    let listener = Socket::from(listener);
    listener
        .set_read_timeout(Some(PATIENCE))
        .expect("a time-out");
    watch(seen, move |seen| {
        if let Ok((stream, _)) = listener.accept() {
            note(seen, "a TCP connection");
            answer(&mut stream.into());
        }
    });
    datagrams
        .set_read_timeout(Some(PATIENCE))
        .expect("a time-out");
    watch(seen, move |seen| {
        if datagrams.recv(&mut [0; 512]).is_ok() {
            note(seen, "a UDP datagram");
        }
    });
    address
}

fn answer(stream: &mut TcpStream) {
    let _set = stream.set_read_timeout(Some(PATIENCE));
    let _read = stream.read(&mut [0; 256]);
    let _written = stream.write_all(b"witness\n");
}

/// A stream and a datagram socket with a path, and a stream socket with an abstract name.
fn listen_unix(path: &Path, seen: &Arc<Mutex<Vec<String>>>) {
    let stream = Socket::from(UnixListener::bind(path).expect("a path"));
    let datagram = path.with_extension("datagram");
    let datagrams = UnixDatagram::bind(&datagram).expect("a path");
    let hidden = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    let mut name = vec![0];
    name.extend(path.as_os_str().as_encoded_bytes());
    use std::os::unix::ffi::OsStrExt as _;
    let name = std::ffi::OsStr::from_bytes(&name);
    hidden
        .bind(&socket2::SockAddr::unix(name).expect("a name"))
        .expect("a free name");
    hidden.listen(8).expect("a listener");
    for path in [path, &datagram] {
        crate::child::give(path);
    }
    for (listener, what) in [
        (stream, "a Unix connection by path"),
        (hidden, "a Unix connection by an abstract name"),
    ] {
        listener
            .set_read_timeout(Some(PATIENCE))
            .expect("a time-out");
        watch(seen, move |seen| {
            if let Ok((_, _)) = listener.accept() {
                note(seen, what);
            }
        });
    }
    datagrams
        .set_read_timeout(Some(PATIENCE))
        .expect("a time-out");
    watch(seen, move |seen| {
        if datagrams.recv(&mut [0; 512]).is_ok() {
            note(seen, "a Unix datagram");
        }
    });
}

/// Dials an agent that listens, sends it a word, and gives what it said: empty if nothing.
pub(crate) fn dial(from: SocketAddr, to: SocketAddr, datagram: bool) -> String {
    let kind = if datagram { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::for_address(to), kind, None).expect("a socket");
    if from.is_ipv6() {
        // Any address of a routed block, of which no interface knows.
        crate::trick::option(&socket, libc::IPPROTO_IPV6, IPV6_FREEBIND, &[1i32]).expect("root");
    }
    socket.bind(&from.into()).expect("an own address");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    if socket.connect_timeout(&to.into(), PATIENCE).is_err() || socket.send(b"hello\n").is_err() {
        return String::new();
    }
    let mut buffer = [0; 256];
    let length = (&socket).read(&mut buffer).unwrap_or_default();
    String::from_utf8_lossy(&buffer[..length])
        .trim_end()
        .to_owned()
}
