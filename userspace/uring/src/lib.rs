//! TCP streams whose bytes io_uring moves, on a runtime of tokio.
//!
//! What a proxy's thread sends to many sockets leaves in one system call, after all its sessions have
//! had their turn: each `send` of its own wakes whoever waits for it, who then takes the CPU from the
//! proxy. What comes is received without being asked for each time. A third of what passing on costs
//! where many sessions share a thread; nothing where there is one.
//!
//! [`start`] gives the thread it is called on a ring, and a [`Driver`] that must run on that thread's
//! runtime; a [`Stream`] that is put onto it there is moved by it. Without a ring (an older kernel, or one where
//! `kernel.io_uring_disabled` says so) a stream is tokio's own.
//!
//! Not its job: to listen, to dial, datagrams, files.
//!
//! Known limits: of a connection that nobody reads, 128 KiB and what comes in one turn (2 MiB at most, of
//! all together) are held before its sender has to wait, and 128 KiB of what its peer does not take.
//! A stream can be used on the thread that it was made on only. What was written and
//! not flushed is sent once more when a stream is dropped, and what the kernel does not take then is
//! lost, as with a socket of the kernel's that takes no more.

mod buffers;
mod driver;
mod requests;
mod ring;
mod socket;
mod stream;

pub use driver::{Driver, start, try_out};
pub use stream::Stream;

#[cfg(test)]
mod tests;
