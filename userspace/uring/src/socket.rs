//! One socket of a ring: what came and is not taken, what is to be sent, and what was asked of the
//! kernel. Sans-IO: [`ring`](super::ring) asks and tells.

use std::{io, os::fd::OwnedFd, sync::Arc, task::Waker};

use bytes::BytesMut;

/// No more is received of a socket where so much waits to be taken.
pub(crate) const FULL: usize = 128 << 10;
/// How much may wait to be sent behind what is being sent.
pub(crate) const ROOM: usize = 64 << 10;

/// Whether the kernel receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// It was not asked to.
    Idle,
    /// It does, until it says that it doesn't any more.
    Armed,
    /// It was asked to stop.
    Stopping,
}

/// What the kernel is to be asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To receive.
    Receive,
    /// To receive no more.
    Stop,
    /// To send.
    Send,
    /// To give up sending.
    GiveUp,
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) fd: Arc<OwnedFd>,
    /// What came and is not taken.
    pub(crate) inbox: BytesMut,
    receiving: Receiving,
    /// What comes behind that: the end, or an error's number.
    ended: Option<i32>,
    pub(crate) reader: Option<Waker>,
    /// What is being sent, or is next. Not touched while the kernel has it.
    pub(crate) sending: Vec<u8>,
    sent: usize,
    in_flight: bool,
    giving_up: bool,
    behind: Vec<u8>,
    /// Why nothing can be sent any more.
    failed: Option<i32>,
    pub(crate) writer: Option<Waker>,
    /// It is on the list of those that have a wish.
    pub(crate) listed: bool,
    /// Nobody uses it any more.
    pub(crate) dropped: bool,
}

impl Socket {
    pub(crate) fn new(fd: Arc<OwnedFd>) -> Self {
        Self {
            fd,
            inbox: BytesMut::new(),
            receiving: Receiving::Idle,
            ended: None,
            reader: None,
            sending: Vec::new(),
            sent: 0,
            in_flight: false,
            giving_up: false,
            behind: Vec::new(),
            failed: None,
            writer: None,
            listed: false,
            dropped: false,
        }
    }

    /// What came behind all that was taken: `Ok` is the end, nothing that there may be more.
    pub(crate) fn end(&self) -> Option<io::Result<()>> {
        match self.ended {
            _ if !self.inbox.is_empty() => None,
            None => None,
            Some(0) => Some(Ok(())),
            Some(number) => Some(Err(io::Error::from_raw_os_error(number))),
        }
    }

    /// The same, told once: what is read behind an error is the end, as with a socket of the kernel's.
    pub(crate) fn tell_end(&mut self) -> Option<io::Result<()>> {
        let end = self.end()?;
        self.ended = Some(0);
        Some(end)
    }

    /// What is to be asked of the kernel for receiving, and for sending.
    pub(crate) fn wishes(&self) -> [Option<Wish>; 2] {
        let receive = match self.receiving {
            Receiving::Idle
                if !self.dropped
                    && self.ended.is_none()
                    && self.inbox.is_empty()
                    && self.reader.is_some() =>
            {
                Some(Wish::Receive)
            }
            Receiving::Armed if self.dropped || self.inbox.len() >= FULL => Some(Wish::Stop),
            _ => None,
        };
        let send = if self.in_flight {
            (self.dropped && !self.giving_up).then_some(Wish::GiveUp)
        } else {
            (!self.unsent().is_empty()).then_some(Wish::Send)
        };
        [receive, send]
    }

    /// Notes that the kernel was asked.
    pub(crate) fn asked(&mut self, wish: Wish) {
        match wish {
            Wish::Receive => self.receiving = Receiving::Armed,
            Wish::Stop => self.receiving = Receiving::Stopping,
            Wish::Send => self.in_flight = true,
            Wish::GiveUp => self.giving_up = true,
        }
    }

    /// Notes what the kernel said of receiving, and whether it goes on with that. What came is in the
    /// inbox already.
    pub(crate) fn received(&mut self, result: i32, more: bool) {
        if !more {
            self.receiving = Receiving::Idle;
        }
        match result {
            1.. => {}
            // The error was told to who sent, which left the end to us.
            0 => {
                let failed = self.failed.filter(|number| *number != libc::EPIPE);
                self.ended = Some(failed.unwrap_or(0));
            }
            // No buffer was free for a moment, or it was asked to stop: it will be asked again.
            _ if [libc::ENOBUFS, libc::ECANCELED, libc::EINTR, libc::EAGAIN].contains(&-result) => {
            }
            _ => self.ended = Some(-result),
        }
    }

    /// The bytes that are next, where the kernel has none of them.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.sending.get(self.sent..).unwrap_or_default()
    }

    /// Whether everything was sent.
    pub(crate) fn is_drained(&self) -> bool {
        self.sending.is_empty()
    }

    /// Takes bytes to send: how many there is room for. `spare` is memory for them.
    pub(crate) fn take(&mut self, bytes: &[u8], spare: impl FnOnce() -> Vec<u8>) -> usize {
        let to = if self.in_flight {
            &mut self.behind
        } else {
            &mut self.sending
        };
        let count = bytes.len().min(ROOM.saturating_sub(to.len()));
        let bytes = bytes.get(..count).unwrap_or_default();
        if count > 0 && to.capacity() == 0 {
            *to = spare();
        }
        to.extend_from_slice(bytes);
        count
    }

    /// Notes what the kernel said of sending. Gives back memory that is not needed now.
    pub(crate) fn sent(&mut self, result: i32) -> Option<Vec<u8>> {
        self.in_flight = false;
        match usize::try_from(result) {
            Ok(count) => self.sent += count,
            // It will be asked again.
            Err(_) if [libc::EINTR, libc::EAGAIN].contains(&-result) && !self.dropped => {}
            // Without waiting, from here on.
            Err(_) if [libc::ECANCELED, libc::EINTR].contains(&-result) && self.giving_up => {}
            Err(_) => {
                self.failed = Some(-result);
                self.behind = Vec::new();
                self.sent = self.sending.len();
            }
        }
        if self.sent < self.sending.len() {
            return None;
        }
        self.sent = 0;
        self.sending.clear();
        std::mem::swap(&mut self.sending, &mut self.behind);
        let empty = std::mem::take(&mut self.behind);
        (empty.capacity() > 0).then_some(empty)
    }

    /// Why nothing can be sent any more, if that is so.
    pub(crate) fn failure(&self) -> io::Result<()> {
        self.failed
            .map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }

    /// Whether the kernel has something of it.
    pub(crate) fn is_in_use(&self) -> bool {
        self.in_flight || self.receiving != Receiving::Idle
    }
}
