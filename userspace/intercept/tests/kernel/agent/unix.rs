//! Unix sockets, dialled.

use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, net::UnixListener},
    },
};

use super::{outcome, say};

/// How an address is put to the kernel.
#[derive(Clone, Copy)]
enum Spelling {
    /// As long as the path.
    Bare,
    /// With a NUL after the path.
    Ended,
    /// As long as can be, with zeroes after the path.
    Padded,
    /// A NUL after the path, and another path after that.
    Trailed,
}

/// Dials each in each spelling: `@` stands for an abstract name, `stream` or `datagram` for the kind.
pub(super) fn dial(kind: &str, names: &[&str]) {
    for name in names {
        for (spelt, spelling) in [
            ("bare", Spelling::Bare),
            ("ended", Spelling::Ended),
            ("padded", Spelling::Padded),
            ("trailed", Spelling::Trailed),
        ] {
            let dialled = socket(kind).and_then(|socket| reach(&socket, kind, name, spelling));
            say(&format!("{name}:{spelt}"), outcome(dialled));
        }
    }
}

/// The same once, by a socket that was made before its process entered the cgroup.
pub(super) fn joined(cgroup: &str, kind: &str, name: &str) {
    let socket = socket(kind).expect("a socket");
    fs::write(format!("{cgroup}/cgroup.procs"), "0").expect("to enter");
    say("dial", outcome(reach(&socket, kind, name, Spelling::Ended)));
}

/// The same once, in a user namespace of its own.
pub(super) fn namespaced(kind: &str, name: &str) {
    let socket = socket(kind).expect("a socket");
    say_of_child(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?;
        reach(&socket, kind, name, Spelling::Ended)
    });
}

/// Mounts `target` over `name` in namespaces of its own, then dials `name` through io_uring with the
/// credentials that it had before.
pub(super) fn remounted(target: &str, name: &str) {
    let socket = socket("stream").expect("a socket");
    say_of_child(|| {
        let ring = super::uring::Ring::new(0)?;
        let before = ring.keep_credentials()?;
        nix::sched::unshare(
            nix::sched::CloneFlags::CLONE_NEWUSER | nix::sched::CloneFlags::CLONE_NEWNS,
        )?;
        nix::mount::mount(
            Some(target),
            name,
            None::<&str>,
            nix::mount::MsFlags::MS_BIND,
            None::<&str>,
        )?;
        let (address, length) = address(name, Spelling::Ended);
        let dialled = ring.run(super::uring::Entry {
            opcode: super::uring::OP_CONNECT,
            fd: socket.as_raw_fd(),
            addr: (&raw const address).expose_provenance() as u64,
            off: length.into(),
            personality: before,
            ..super::uring::Entry::default()
        });
        dialled.map(drop)
    });
}

/// Says how this ended in a child, since a process with several threads can't enter a user namespace.
fn say_of_child(act: impl FnOnce() -> io::Result<()>) {
    // SAFETY: the child makes system calls only, and ends without running anything of the parent's.
    let child = unsafe { nix::unistd::fork() }.expect("a child");
    let nix::unistd::ForkResult::Parent { child } = child else {
        let failed = act()
            .err()
            .map(|error| error.raw_os_error().unwrap_or(libc::EIO));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(failed.unwrap_or(0)) }
    };
    match nix::sys::wait::waitpid(child, None).expect("its end") {
        nix::sys::wait::WaitStatus::Exited(_, 0) => say("dial", "OK"),
        nix::sys::wait::WaitStatus::Exited(_, errno) => {
            say("dial", outcome(Err(io::Error::from_raw_os_error(errno))));
        }
        other => panic!("{other:?}"),
    }
}

/// A pair, and a socket of its own that it dials.
pub(super) fn own(path: &str) {
    let pair = std::os::unix::net::UnixStream::pair().map(drop);
    say("pair", outcome(pair));
    let listener = UnixListener::bind(path).expect("a listener");
    let dialled = socket("stream").and_then(|one| reach(&one, "stream", path, Spelling::Ended));
    say("own", outcome(dialled));
    drop(listener);
}

fn socket(kind: &str) -> io::Result<OwnedFd> {
    let kind = match kind {
        "stream" => libc::SOCK_STREAM,
        "datagram" => libc::SOCK_DGRAM,
        "packet" => libc::SOCK_SEQPACKET,
        _ => panic!("no such kind: {kind}"),
    };
    // SAFETY: takes three numbers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Connects, or for a datagram sends without connecting.
fn reach(socket: &OwnedFd, kind: &str, name: &str, spelling: Spelling) -> io::Result<()> {
    let (address, length) = address(name, spelling);
    let address = (&raw const address).cast();
    let fd = socket.as_raw_fd();
    let done = if kind == "datagram" {
        // SAFETY: one byte, and an address of at least this length, which live through the call.
        unsafe { libc::sendto(fd, b"x".as_ptr().cast(), 1, 0, address, length) }
    } else {
        // SAFETY: an address of at least this length, which lives through the call.
        let connected = unsafe { libc::connect(fd, address, length) };
        isize::try_from(connected).unwrap_or(-1)
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn address(name: &str, spelling: Spelling) -> (libc::sockaddr_un, libc::socklen_t) {
    let mut path = [0_u8; 108];
    let bytes = OsStr::new(name).as_bytes();
    path[..bytes.len()].copy_from_slice(bytes);
    if path[0] == b'@' {
        path[0] = 0;
    }
    let used = match spelling {
        // What lies behind the address is none of it.
        Spelling::Bare => {
            path[bytes.len()..].fill(b'x');
            bytes.len()
        }
        Spelling::Ended => (bytes.len() + 1).min(108),
        Spelling::Padded => 108,
        Spelling::Trailed => {
            let rest = &mut path[bytes.len()..];
            for (to, from) in rest.iter_mut().skip(1).zip(b"/trailing") {
                *to = *from;
            }
            108
        }
    };
    let address = libc::sockaddr_un {
        sun_family: u16::try_from(libc::AF_UNIX).expect("a small number"),
        sun_path: path.map(u8::cast_signed),
    };
    (
        address,
        libc::socklen_t::try_from(2 + used).expect("a small number"),
    )
}
