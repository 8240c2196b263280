//! Whether closing a socket resets the connection (socket(7), SO_LINGER of nothing).
//!
//! A connection that is cut off must not end as one that has said all: the side that is left would
//! take half a stream for a whole one. So resets are on from the beginning, also for when weir is
//! killed, and off only at an orderly end.

use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt::Linger};

/// Closing resets the connection, and drops what was not yet delivered.
pub(super) fn on(socket: &impl AsFd) {
    set(socket, 1);
}

/// Closing ends the connection in order; what was written is still delivered.
pub(super) fn off(socket: &impl AsFd) {
    set(socket, 0);
}

fn set(socket: &impl AsFd, onoff: libc::c_int) {
    let linger = libc::linger {
        l_onoff: onoff,
        l_linger: 0,
    };
    if let Err(error) = setsockopt(socket, Linger, &linger) {
        tracing::debug!(%error, "SO_LINGER");
    }
}
