//! The floor: a bare copier of bytes, as little as a proxy can do. One thread, one epoll, one buffer;
//! it reads what is there, writes it to the other side, and waits for the slower one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use anyhow::{Context as _, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const BUFFER: usize = 64 << 10;
const LISTENER: u64 = u64::MAX;

/// One end, and what it could not take yet.
#[derive(Debug)]
struct End {
    stream: TcpStream,
    waiting: Vec<u8>,
    /// Where the other is.
    other: usize,
}

/// Takes connections and copies them to `to`, until it is killed.
pub(super) fn run(listen: SocketAddr, to: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen).context("cannot listen")?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut ends: Vec<Option<End>> = Vec::new();
    let mut buffer = vec![0; BUFFER];
    let mut events = [EpollEvent::empty(); 64];
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in events.iter().take(count) {
            if event.data() == LISTENER {
                let (agent, _) = listener.accept()?;
                open(&epoll, &mut ends, agent, to)?;
                continue;
            }
            let at = usize::try_from(event.data())?;
            if copy(&epoll, &mut ends, at, event.events(), &mut buffer).is_err() {
                close(&mut ends, at);
            }
        }
    }
}

fn open(
    epoll: &Epoll,
    ends: &mut Vec<Option<End>>,
    agent: TcpStream,
    to: SocketAddr,
) -> Result<()> {
    let target = TcpStream::connect(to).context("cannot connect")?;
    let first = ends.len();
    for (at, stream, other) in [(first, agent, first + 1), (first + 1, target, first)] {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll.add(
            &stream,
            EpollEvent::new(EpollFlags::EPOLLIN, u64::try_from(at)?),
        )?;
        ends.push(Some(End {
            stream,
            waiting: Vec::new(),
            other,
        }));
    }
    Ok(())
}

fn copy(
    epoll: &Epoll,
    ends: &mut [Option<End>],
    at: usize,
    ready: EpollFlags,
    buffer: &mut [u8],
) -> io::Result<()> {
    let gone = || io::Error::from(ErrorKind::NotConnected);
    let other = end(ends, at).ok_or_else(gone)?.other;
    if ready.contains(EpollFlags::EPOLLOUT) {
        let this = end(ends, at).ok_or_else(gone)?;
        let waiting = std::mem::take(&mut this.waiting);
        let written = write(&mut this.stream, &waiting)?;
        this.waiting
            .extend(waiting.get(written..).unwrap_or_default());
        let all = this.waiting.is_empty();
        interest(epoll, ends, at)?;
        if all {
            interest(epoll, ends, other)?;
        }
    }
    if !ready.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
        return Ok(());
    }
    let count = match end(ends, at).ok_or_else(gone)?.stream.read(buffer) {
        Ok(0) => return Err(gone()),
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
    };
    let bytes = buffer.get(..count).unwrap_or_default();
    let to = end(ends, other).ok_or_else(gone)?;
    let written = write(&mut to.stream, bytes)?;
    if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        to.waiting.extend(rest);
        interest(epoll, ends, at)?;
        interest(epoll, ends, other)?;
    }
    Ok(())
}

fn end(ends: &mut [Option<End>], at: usize) -> Option<&mut End> {
    ends.get_mut(at)?.as_mut()
}

/// An end is read while the other has taken all, and written while it has not.
fn interest(epoll: &Epoll, ends: &mut [Option<End>], at: usize) -> io::Result<()> {
    let Some(this) = end(ends, at) else {
        return Ok(());
    };
    let (other, full) = (this.other, !this.waiting.is_empty());
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLOUT, full);
    let slow = end(ends, other).is_some_and(|other| !other.waiting.is_empty());
    flags.set(EpollFlags::EPOLLIN, !slow);
    if let Some(this) = end(ends, at) {
        let mut event = EpollEvent::new(flags, u64::try_from(at).unwrap_or(LISTENER));
        epoll.modify(this.stream.as_fd(), &mut event)?;
    }
    Ok(())
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}

fn close(ends: &mut [Option<End>], at: usize) {
    let other = end(ends, at).map(|this| this.other);
    for at in [Some(at), other].into_iter().flatten() {
        if let Some(slot) = ends.get_mut(at) {
            *slot = None;
        }
    }
}
