//! Why the daemon could not be asked.

use std::{io, path::PathBuf};

/// Why the daemon could not be asked, or did not answer as hoped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens. A retry helps once the daemon runs.
    #[error("no weir daemon answers at {}: is it running?", path.display())]
    NoDaemon {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is not for this user.
    #[error("not allowed to speak with the weir daemon at {}", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// The connection failed otherwise.
    #[error("can't speak with the weir daemon at {}: {source}", path.display())]
    Connection {
        /// The socket.
        path: PathBuf,
        /// The system's or the protocol's reason.
        source: io::Error,
    },
    /// The daemon refused the request.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: String,
        /// For people.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// The answer is not what this API gives: something else listens there, or another version.
    #[error("the weir daemon's answer makes no sense: {problem}")]
    Nonsense {
        /// What is wrong with it.
        problem: String,
    },
    /// The answer could not be put where it should go.
    #[error("can't keep the daemon's answer: {0}")]
    Sink(io::Error),
}
