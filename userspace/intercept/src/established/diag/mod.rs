//! The kernel's table of TCP and UDP sockets: what is in it, and ending one of them.
//!
//! A socket of this kind sees the network namespace that it was made in. Known limit: the kernel
//! does not promise that a dump is of one moment; what it misses is found by the next.

mod message;

use std::{io, time::Duration};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockType, recvfrom, send, setsockopt,
        sockopt,
    },
};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

pub(super) use message::{CLOSE, Entry, LISTEN};
use message::{Said, parse};

/// Longer than any answer takes; a kernel that hangs here must not hang the engine.
const PATIENCE: Duration = Duration::from_secs(5);
/// The kernel fills up to 32 KiB at once.
const BUFFER: usize = 64 * 1024;
/// How often a dump is begun anew because the table changed under it.
const ATTEMPTS: u32 = 3;

/// A conversation with one namespace's table.
pub(super) struct Diag {
    socket: OwnedFd,
    sequence: u32,
}

impl Diag {
    /// Of the network namespace that the calling thread is in.
    pub(super) fn open() -> io::Result<Self> {
        let kind = SockType::Raw as i32 | SockFlag::SOCK_CLOEXEC.bits();
        // SAFETY: takes three numbers.
        let fd =
            unsafe { libc::socket(AddressFamily::Netlink as i32, kind, libc::NETLINK_SOCK_DIAG) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nothing else owns.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        setsockopt(
            &socket,
            sockopt::ReceiveTimeout,
            &nix::sys::time::TimeVal::new(PATIENCE.as_secs().cast_signed(), 0),
        )?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Hands every socket of a family and protocol to `take`, some perhaps twice. A kernel without
    /// that table has none.
    pub(super) fn dump(
        &mut self,
        family: u8,
        protocol: u8,
        take: &mut impl FnMut(Entry),
    ) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            self.sequence = self.sequence.wrapping_add(1);
            self.send(&message::dump(self.sequence, family, protocol))?;
            if !self.receive(take)? {
                break;
            }
        }
        Ok(())
    }

    /// Ends a socket. `EOPNOTSUPP` where the kernel can't, `ENOENT` where it is not there any more.
    pub(super) fn destroy(&mut self, protocol: u8, entry: &Entry) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.send(&message::destroy(
            self.sequence,
            entry.family,
            protocol,
            &entry.id,
        ))?;
        self.receive(&mut |_| {}).map(drop)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        // To nobody named: to the kernel.
        send(self.socket.as_raw_fd(), bytes, MsgFlags::empty())?;
        Ok(())
    }

    /// Reads to the end of the answer. Says whether the table changed meanwhile.
    fn receive(&self, take: &mut impl FnMut(Entry)) -> io::Result<bool> {
        let mut buffer = vec![0; BUFFER];
        let mut interrupted = false;
        loop {
            let (length, sender) = recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut buffer)?;
            // Whoever has a socket of this kind could write to ours; only the kernel is number 0.
            if sender.is_none_or(|sender| sender.pid() != 0) {
                continue;
            }
            let datagram = buffer.get(..length).unwrap_or_default();
            for message in parse(datagram) {
                let message =
                    message.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                if message.sequence != self.sequence {
                    continue;
                }
                interrupted |= message.interrupted;
                match message.said {
                    Said::Entry(entry) => take(entry),
                    Said::End(0) => return Ok(interrupted),
                    Said::End(number) => return Err(Errno::from_raw(number).into()),
                    Said::Other => {}
                }
            }
        }
    }
}
