//! Options of sockets, set.

use std::{io, net::UdpSocket, os::fd::AsRawFd};

use super::{address, done, outcome, say, tcp};

/// Level and option of each way to join a group. The first is tried in earnest.
pub(crate) const JOINS: [(i32, i32); 11] = [
    (libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP),
    (libc::IPPROTO_IP, libc::IP_ADD_SOURCE_MEMBERSHIP),
    (libc::IPPROTO_IP, 41),
    (libc::IPPROTO_IP, 42),
    (libc::IPPROTO_IP, 46),
    (libc::IPPROTO_IP, 48),
    (libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP),
    (libc::IPPROTO_IPV6, 27),
    (libc::IPPROTO_IPV6, 42),
    (libc::IPPROTO_IPV6, 46),
    (libc::IPPROTO_IPV6, 48),
];

/// What [`others`] says.
pub(crate) const OTHERS: [&str; 8] = [
    "nodelay",
    "buffer",
    "long",
    "longer",
    "leave-nothing",
    "leave-nothing-6",
    "tls",
    "tls-key",
];

pub(super) fn join(number: &str) {
    let (level, option) = JOINS[number.parse::<usize>().expect("a number")];
    let at = if level == libc::IPPROTO_IP {
        "127.0.0.1:0"
    } else {
        "[::1]:0"
    };
    let socket = UdpSocket::bind(at).expect("a socket");
    // A group, and the interface of this address.
    let group = [224, 0, 0, 251, 127, 0, 0, 1];
    say("join", outcome(set(&socket, level, option, &group)));
}

/// Sets what programs set, on a connection and on a socket for datagrams.
pub(super) fn others(to: &str) {
    let to = address(to);
    let socket = tcp::tcp(to);
    socket.connect(&to.into()).expect("a connection");
    let datagrams = UdpSocket::bind("[::]:0").expect("a socket");
    let one = 1_i32.to_ne_bytes();
    let tried = |name, level, option, value: &[u8]| {
        say(name, outcome(set(&socket, level, option, value)));
    };
    tried("nodelay", libc::IPPROTO_TCP, libc::TCP_NODELAY, &one);
    tried(
        "buffer",
        libc::SOL_SOCKET,
        libc::SO_RCVBUF,
        &16_384_i32.to_ne_bytes(),
    );
    // Longer than a page, of which the kernel reads a number.
    let mut long = vec![0; 64 * 1024];
    long[..4].copy_from_slice(&32_768_i32.to_ne_bytes());
    let set_long = set(&socket, libc::SOL_SOCKET, libc::SO_SNDBUF, &long).and_then(|()| {
        let size = socket.send_buffer_size()?;
        // What the kernel says is twice what was asked for.
        if size == 65_536 {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EBADMSG))
        }
    });
    say("long", outcome(set_long));
    tried("longer", libc::IPPROTO_IP, libc::IP_OPTIONS, &long);
    let leave = set(
        &datagrams,
        libc::IPPROTO_IP,
        libc::IP_DROP_MEMBERSHIP,
        &[0; 8],
    );
    say("leave-nothing", outcome(leave));
    let leave = set(
        &datagrams,
        libc::IPPROTO_IPV6,
        libc::IPV6_DROP_MEMBERSHIP,
        &[0; 20],
    );
    say("leave-nothing-6", outcome(leave));
    tried("tls", libc::IPPROTO_TCP, libc::TCP_ULP, b"tls");
    // `struct tls12_crypto_info_aes_gcm_128`, include/uapi/linux/tls.h: TLS 1.2, AES-GCM-128.
    let mut key = [0; 40];
    key[..4].copy_from_slice(&[3, 3, 51, 0]);
    tried("tls-key", 282, 1, &key);
}

fn set(socket: &impl AsRawFd, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).expect("not too long");
    // SAFETY: an open descriptor and as many readable bytes as are passed.
    done(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            value.as_ptr().cast(),
            length,
        )
    })
}
