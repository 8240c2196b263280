//! Where people answer what a run asks: a directory that is root's, with the socket of the run's own
//! local API and what is asked and said by it. It goes with the run.

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempDir};
use tokio::sync::broadcast::error::RecvError;

use super::{
    account::prefix,
    authority::SHARED,
    place::{INSTANCE, Place},
};
use crate::{
    approve::{Approvals, Request},
    cli::{line::Tone, out::Out},
};

/// What such directories' names begin with; the run's own follows.
pub(super) const PREFIX: &str = "weir-";

/// The directory of one run, removed when dropped.
pub(super) struct Room(TempDir);

impl Room {
    /// Makes the one of a run.
    pub(super) fn make(place: &Place) -> io::Result<Self> {
        let name = format!("{PREFIX}{INSTANCE}{}", place.name);
        let mut dir = Builder::new();
        let dir = dir.prefix(&name).rand_bytes(0);
        Ok(Self(dir.tempdir_in(SHARED)?))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The socket of its local API.
    pub(super) fn socket(&self) -> PathBuf {
        self.path().join("weir.sock")
    }
}

/// Tells on the terminal what waits for people, as it comes.
pub(super) async fn tell(approvals: &Approvals) -> Infallible {
    let mut changes = approvals.changes();
    loop {
        match changes.recv().await {
            Ok(change) if change.event == "asked" => waits(&change.request, approvals),
            // What was missed is still listed.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn waits(request: &Request, approvals: &Approvals) {
    let mut out = Out::stderr();
    let first = request.command.lines().next().unwrap_or_default();
    let first: String = first.chars().take(60).collect();
    let line = prefix()
        .and(Tone::Warn, format!("waits for {}", request.of))
        .text(format!(": {first}; see and answer: "))
        .and(Tone::Key, approvals.command("show", &request.id));
    // Who can't be told here is told by the API.
    out.line(&line).and_then(|()| out.flush()).ok();
}
