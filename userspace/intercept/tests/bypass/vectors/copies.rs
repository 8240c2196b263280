//! Bytes that reach a socket by other calls than send: from files and pipes, without a copy, or
//! through another protocol laid on top.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::AsRawFd as _,
};

use socket2::Socket;

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

const TCP_ULP: i32 = 31;
const UDP_SEGMENT: i32 = 103;
const SO_ZEROCOPY: i32 = 60;

pub(super) const VECTOR: Vector = Vector {
    name: "other ways to send",
    attempts: &[
        Attempt::new("sendfile, connected", |aim| {
            let socket = trick::tcp(aim.far4)?;
            socket.connect(&aim.far4.into())?;
            send_file(&socket, aim)
        }),
        Attempt::new("sendfile, unconnected", |aim| {
            send_file(&trick::tcp(aim.far4)?, aim)
        })
        .vain("a socket that is not connected sends nowhere"),
        Attempt::new("sendfile, UDP refused before", |aim| {
            let socket = trick::udp(aim.far4)?;
            let connected = socket.connect(&aim.far4.into());
            let sent = send_file(&socket, aim);
            trick::all([connected, sent])
        }),
        Attempt::new("splice, UDP refused before", |aim| {
            let socket = trick::udp(aim.far4)?;
            let connected = socket.connect(&aim.far4.into());
            let spliced = splice(&socket, aim);
            trick::all([connected, spliced])
        }),
        Attempt::new("splice, connected", |aim| {
            let socket = trick::tcp(aim.far4)?;
            socket.connect(&aim.far4.into())?;
            splice(&socket, aim)
        }),
        Attempt::new("zero-copy, UDP", |aim| {
            let socket = trick::udp(aim.far4)?;
            trick::option(&socket, libc::SOL_SOCKET, SO_ZEROCOPY, &[1i32])?;
            trick::send_to(&socket, aim.payload(), aim.far4, libc::MSG_ZEROCOPY)
        }),
        Attempt::new("zero-copy, fast open", |aim| {
            let socket = trick::tcp(aim.far4)?;
            trick::option(&socket, libc::SOL_SOCKET, SO_ZEROCOPY, &[1i32])?;
            let flags = libc::MSG_ZEROCOPY | libc::MSG_FASTOPEN;
            trick::send_to(&socket, aim.payload(), aim.far4, flags)
        }),
        Attempt::new("UDP in segments", |aim| {
            let socket = trick::udp(aim.far4)?;
            trick::option(&socket, libc::IPPROTO_UDP, UDP_SEGMENT, &[64i32])?;
            trick::send_to(&socket, aim.payload().repeat(20).as_slice(), aim.far4, 0)
        }),
        Attempt::new("UDP in fragments", |aim| {
            let large = aim.payload().repeat(400);
            trick::send_to(&trick::udp(aim.far4)?, &large, aim.far4, 0)
        }),
        Attempt::new("TLS of the kernel on top", |aim| layered(b"tls", aim)),
        Attempt::new("TLS of the kernel, then elsewhere", |aim| {
            let socket = trick::connected()?.0;
            // A socket with TLS on it can't be let go, or is let go without it.
            let layered = trick::option(&socket, libc::IPPROTO_TCP, TCP_ULP, b"tls");
            let let_go = trick::disconnect(&socket);
            let dialled = trick::dial(&socket, aim.far4, aim);
            trick::all([layered, let_go, dialled])
        }),
        Attempt::new("a subflow of MPTCP on top", |aim| layered(b"mptcp", aim)),
        Attempt::new("ESP in TCP on top", |aim| layered(b"espintcp", aim)),
    ],
};

fn file(aim: &Aim) -> io::Result<File> {
    let path = format!("{}/payload-{}", aim.scratch, aim.token);
    std::fs::write(&path, &aim.token)?;
    File::open(path)
}

fn send_file(socket: &Socket, aim: &Aim) -> io::Result<()> {
    let from = file(aim)?;
    // SAFETY: two open descriptors and a length.
    let sent = unsafe {
        libc::sendfile(
            socket.as_raw_fd(),
            from.as_raw_fd(),
            std::ptr::null_mut(),
            aim.token.len(),
        )
    };
    trick::done(i32::try_from(sent).expect("short"))
}

fn splice(socket: &Socket, aim: &Aim) -> io::Result<()> {
    let (from, mut to) = io::pipe()?;
    to.write_all(aim.payload())?;
    // SAFETY: two open descriptors and a length.
    let sent = unsafe {
        libc::splice(
            from.as_raw_fd(),
            std::ptr::null_mut(),
            socket.as_raw_fd(),
            std::ptr::null_mut(),
            aim.token.len(),
            0,
        )
    };
    trick::done(i32::try_from(sent).expect("short"))
}

fn layered(name: &[u8], aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(aim.far4)?;
    socket.connect(&aim.far4.into())?;
    trick::option(&socket, libc::IPPROTO_TCP, TCP_ULP, name)?;
    trick::speak(&socket, aim)
}
