//! Where events go. Each sink takes a batch whole, or says why not.

mod file;
mod http;
mod journald;
mod syslog;

use std::{path::PathBuf, time::Instant};

use crate::{feed::Event, trust::ClientCertificate};

/// A sink, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkOptions {
    /// Its name: that of its cursor, so it stays or everything is sent again.
    pub name: String,
    /// Where it leads.
    pub kind: SinkKind,
}

/// Where a sink leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// The host's journal.
    Journald {
        /// The socket of journald's native protocol.
        socket: PathBuf,
    },
    /// A file of one object a line.
    File {
        /// Which.
        path: PathBuf,
        /// At this size it is renamed, and another begun; in bytes.
        rotate_at: u64,
        /// How many that were renamed are kept.
        keep: u32,
    },
    /// Syslog over TLS.
    Syslog {
        /// `host:port`.
        address: String,
        /// The name that the server's certificate must hold.
        server_name: String,
        /// The authorities to trust, as PEM; none means the system's roots.
        ca: Option<PathBuf>,
        /// What the server is shown.
        client: Option<ClientCertificate>,
    },
    /// An HTTP endpoint.
    Http {
        /// Where batches are posted to.
        url: String,
        /// How a batch looks.
        format: HttpFormat,
        /// The file of the bearer token, if there is one.
        token_file: Option<PathBuf>,
        /// The authorities to trust, as PEM; none means the system's roots.
        ca: Option<PathBuf>,
    },
}

impl SinkKind {
    /// What it is called in a configuration.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Journald { .. } => "journald",
            Self::File { .. } => "file",
            Self::Syslog { .. } => "syslog",
            Self::Http { .. } => "http",
        }
    }
}

/// How a batch of events looks over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpFormat {
    /// One object a line.
    #[default]
    Lines,
    /// One array.
    Array,
}

/// Why a batch wasn't taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Later it may be.
    #[error("{0}")]
    Later(String),
    /// These events never will.
    #[error("{0}")]
    Refused(String),
}

/// A sink that is open.
#[derive(Debug)]
pub(crate) enum Sink {
    Journald(journald::Journald),
    File(file::JsonLines),
    Syslog(Box<syslog::Syslog>),
    Http(http::Http),
}

impl Sink {
    pub(crate) fn new(kind: &SinkKind, hostname: &str) -> Self {
        match kind {
            SinkKind::Journald { socket } => Self::Journald(journald::Journald::new(socket)),
            SinkKind::File {
                path,
                rotate_at,
                keep,
            } => Self::File(file::JsonLines::new(path, *rotate_at, *keep)),
            SinkKind::Syslog {
                address,
                server_name,
                ca,
                client,
            } => Self::Syslog(Box::new(syslog::Syslog::new(
                syslog::Receiver {
                    address: address.clone(),
                    server_name: server_name.clone(),
                    ca: ca.clone(),
                    client: client.clone(),
                },
                hostname,
            ))),
            SinkKind::Http {
                url,
                format,
                token_file,
                ca,
            } => Self::Http(http::Http::new(
                url,
                *format,
                token_file.clone(),
                ca.clone(),
            )),
        }
    }

    /// Delivers all of these, or fails. What was delivered of a batch that failed is delivered again.
    pub(crate) async fn deliver(&mut self, events: &[Event]) -> Result<(), Failure> {
        match self {
            Self::Journald(sink) => sink.deliver(events).await,
            Self::File(sink) => sink.deliver(events).await,
            Self::Syslog(sink) => sink.deliver(events).await,
            Self::Http(sink) => sink.deliver(events).await,
        }
    }

    /// How many of the events that were delivered last the receiver may yet lose.
    pub(crate) fn unsure(&mut self, now: Instant) -> usize {
        match self {
            Self::Syslog(sink) => sink.unsure(now),
            Self::Journald(_) | Self::File(_) | Self::Http(_) => 0,
        }
    }

    /// Looks after the connection while there is nothing to deliver.
    pub(crate) async fn tend(&mut self) -> Result<(), Failure> {
        match self {
            Self::Syslog(sink) => sink.tend().await,
            Self::Journald(_) | Self::File(_) | Self::Http(_) => Ok(()),
        }
    }
}
