//! What asks the kernel and hears it, in turn with what sessions do.
//!
//! As long as there is something to do, it comes behind all that is ready to run: what these want
//! goes to the kernel together. Only where nothing is left to do is the kernel asked to tell when
//! there is, by an eventfd that the thread's runtime waits for with all else.

use std::{
    io,
    os::fd::OwnedFd,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    thread,
};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::io::{Interest, unix::AsyncFd};

use crate::ring;

/// Drives this thread's ring for as long as it is polled: to be spawned on the thread's own runtime. With it
/// goes the ring, and what is on it fails; it ends by itself only where the kernel takes nothing more.
#[derive(Debug)]
#[must_use = "nothing moves unless it is polled"]
pub struct Driver {
    told: AsyncFd<OwnedFd>,
    woken: Vec<Waker>,
    ring: u64,
}

impl Drop for Driver {
    fn drop(&mut self) {
        ring::take_down(self.ring);
    }
}

/// Whether the kernel has a ring for us.
///
/// # Errors
/// Where it has not, and [`start`] would fail.
pub fn try_out() -> io::Result<()> {
    // On a thread that ends with it: where a ring has been, the kernel clears up behind it with what
    // interrupts system calls.
    let tried = thread::Builder::new().spawn(ring::try_out)?.join();
    tried.unwrap_or_else(|_| Err(io::Error::other("io_uring could not be tried out")))
}

/// Gives this thread a ring. To be called on a runtime of tokio's that runs on this thread alone.
///
/// # Errors
/// Where the kernel has no io_uring, or none for us, or one that lacks what is needed (Linux 6.1); or
/// where this thread has one already.
pub fn start() -> io::Result<Driver> {
    let told = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    // SAFETY: what is handed in owns its descriptor, which stays the same and open until it is dropped.
    let told = unsafe { AsyncFd::register_with_interest(OwnedFd::from(told), Interest::READABLE) }?;
    let ring = ring::set_up(&told)?;
    Ok(Driver {
        told,
        woken: Vec::new(),
        ring,
    })
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { told, woken, .. } = self.get_mut();
        let turned = ring::with(|ring| {
            ring.tells(false);
            ring.turn(woken)
        });
        let worked = !woken.is_empty();
        // Not while the ring is in use: who is woken may be dropped by it.
        woken.drain(..).for_each(Waker::wake);
        let Some(Ok(())) = turned else {
            return Poll::Ready(());
        };
        let waits = worked
            || ring::with(|ring| {
                ring.tells(true);
                ring.driven_by(cx.waker()) || ring.has_news()
            }) == Some(true);
        if waits {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match ready!(told.poll_read_ready(cx)) {
            Ok(mut told) => told.clear_ready(),
            // The runtime ends, and all its sockets with it.
            Err(_) => return Poll::Ready(()),
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
