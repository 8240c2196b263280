//! Typed events about weir itself and about what no session records, one JSON object a line.
//!
//! What a session does is in its record, which fails closed. This log is for people and SIEMs: when
//! it can't be written the daemon says so and goes on, since nothing is forwarded on its account.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use weir_policy::RaisedSignal;
use weir_record::SessionId;

use crate::{
    access::AccessRequest,
    engine::{HeldSocket, KernelRefusal},
};

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditEvent<'a> {
    /// An engine serves.
    Started {
        /// Which.
        instance: &'a str,
        /// Under which policy.
        policy: &'a str,
    },
    /// An engine stopped serving; what it tagged stays governed.
    Stopped {
        /// Which.
        instance: &'a str,
    },
    /// Another policy is in force.
    PolicyLoaded {
        /// The old version.
        from: &'a str,
        /// The new one.
        to: &'a str,
    },
    /// A policy was not taken.
    PolicyRejected {
        /// Why.
        reason: &'a str,
        /// The version that stays.
        kept: &'a str,
    },
    /// Access was asked for, granted, denied or revoked.
    Access {
        /// The request, and what became of it.
        request: &'a AccessRequest,
    },
    /// The kernel refused a socket by itself.
    KernelRefused {
        /// What.
        #[serde(flatten)]
        refusal: &'a KernelRefusal,
        /// How many more were refused before it, and not told.
        lost: u64,
    },
    /// A signal is raised that was not.
    SignalRaised {
        /// Which, with its figures.
        signal: &'a RaisedSignal,
        /// By whom.
        subject: &'a str,
        /// In which workload.
        workload: &'a str,
        /// On which target, where it is one.
        target: Option<&'a str>,
    },
    /// What is usual is learned anew, so nothing is new for a while.
    ProfilesReset {
        /// Of which signal; of every one where none is said.
        signal: Option<&'a str>,
        /// Whose; everybody's where nobody is said.
        of: Option<&'a str>,
        /// Who wanted it.
        by: &'a str,
        /// How many profiles.
        reset: usize,
    },
    /// Somebody ended a session.
    SessionKilled {
        /// Which.
        session: SessionId,
        /// Who.
        by: &'a str,
        /// What for, where they said so.
        reason: Option<&'a str>,
    },
    /// A person signed in.
    SignedIn {
        /// Who.
        subject: &'a str,
        /// Their groups.
        groups: &'a [String],
        /// By which provider.
        provider: &'a str,
        /// The local user.
        user: &'a str,
    },
    /// A local user showed nothing that makes them a person.
    SignInFailed {
        /// The local user: nobody else is known.
        subject: &'a str,
        /// By which provider.
        provider: &'a str,
        /// Why not.
        reason: &'a str,
    },
    /// A person signed out.
    SignedOut {
        /// Who.
        subject: &'a str,
    },
    /// A workload's identity is believed no more.
    IdentityRevoked {
        /// Which.
        identity: &'a str,
        /// Who wanted it.
        by: &'a str,
    },
    /// A revocation was taken back.
    IdentityRestored {
        /// Of which identity.
        identity: &'a str,
        /// Who wanted it.
        by: &'a str,
    },
    /// Sessions were removed that somebody said were kept long enough.
    SessionsPruned {
        /// How many.
        sessions: usize,
        /// How many bytes they had.
        bytes: u64,
        /// Who said so.
        by: &'a str,
    },
    /// A command waits for humans, was answered, or waits no longer.
    Approval {
        /// `asked`, `answered`, `settled`.
        step: &'a str,
        /// The request's id.
        request: &'a str,
        /// Who asks.
        subject: &'a str,
        /// Of which target.
        target: &'a str,
        /// `pending`, or what became of it.
        state: &'a str,
        /// Who answered last.
        by: Option<&'a str>,
    },
    /// A workload had a socket beside weir.
    Held {
        /// Which.
        #[serde(flatten)]
        socket: &'a HeldSocket,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    #[serde(flatten)]
    event: &'a AuditEvent<'a>,
}

/// The log.
#[derive(Debug)]
pub struct Audit(Mutex<File>);

impl Audit {
    /// Appends to the log at `path`, made with mode 0600 if it isn't there.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Writes one event.
    pub fn write(&self, event: &AuditEvent<'_>) {
        let written = serde_json::to_vec(&Line {
            at: Timestamp::now(),
            event,
        })
        .map_err(io::Error::other)
        .and_then(|mut line| {
            line.push(b'\n');
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line)
        });
        if let Err(error) = written {
            tracing::error!(%error, ?event, "the audit log can't be written");
        }
    }
}

#[cfg(test)]
mod tests;
