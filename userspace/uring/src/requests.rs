//! What is asked of the kernel, in its terms (`io_uring_enter(2)`).

use std::{io, os::fd::AsRawFd};

use io_uring::{IoUring, opcode, squeue, types::Fd};

use crate::{
    buffers::GROUP,
    socket::{Socket, Wish},
};

/// How many requests go to the kernel at once.
const REQUESTS: u32 = 256;
/// How many answers it can keep for us before it has to put them elsewhere.
const ANSWERS: u32 = 4096;

/// A ring, as no request has been put into yet.
pub(crate) fn open() -> io::Result<IoUring> {
    IoUring::builder()
        .setup_cqsize(ANSWERS)
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .dontfork()
        .build(REQUESTS)
}

/// What tells a request's answer from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Receive(usize),
    Send(usize),
    Cancel,
}

impl Of {
    fn number(self) -> u64 {
        match self {
            Self::Receive(key) => (key as u64) << 2,
            Self::Send(key) => (key as u64) << 2 | 1,
            Self::Cancel => 2,
        }
    }

    pub(crate) fn from_number(number: u64) -> Self {
        let key = usize::try_from(number >> 2).unwrap_or(usize::MAX);
        match number & 3 {
            0 => Self::Receive(key),
            1 => Self::Send(key),
            _ => Self::Cancel,
        }
    }
}

/// The request for what a socket wishes.
pub(crate) fn request(wish: Wish, key: usize, socket: &Socket) -> squeue::Entry {
    let fd = Fd(socket.fd.as_raw_fd());
    let (request, of) = match wish {
        Wish::Receive => (opcode::RecvMulti::new(fd, GROUP).build(), Of::Receive(key)),
        Wish::Send => {
            let bytes = socket.unsent();
            // What nobody waits for any more goes if the kernel has room for it.
            let waits = if socket.dropped {
                libc::MSG_DONTWAIT
            } else {
                libc::MSG_WAITALL
            };
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let send = opcode::Send::new(fd, bytes.as_ptr(), length);
            let send = send.flags(libc::MSG_NOSIGNAL | waits).build();
            (send, Of::Send(key))
        }
        Wish::Stop => (cancel(Of::Receive(key)), Of::Cancel),
        Wish::GiveUp => (cancel(Of::Send(key)), Of::Cancel),
    };
    request.user_data(of.number())
}

fn cancel(of: Of) -> squeue::Entry {
    opcode::AsyncCancel::new(of.number()).build()
}

/// Puts a request into the queue. False where there is no room.
pub(crate) fn push(uring: &mut IoUring, request: &squeue::Entry) -> bool {
    // SAFETY: what a request points at, bytes of a socket or nothing, is not moved or freed before it
    // is answered; the file is open as long.
    unsafe { uring.submission().push(request) }.is_ok()
}
