//! What can go wrong on the testbed, in the words of whoever runs the tests.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Why a server or a client could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program or library that `cargo xtask setup` installs is not there.
    #[error("{what} is not installed: run `cargo xtask setup`")]
    NotInstalled {
        /// What is missing.
        what: &'static str,
    },
    /// There is no account of this name on the machine.
    #[error("this machine has no user `{name}`")]
    NoUser {
        /// The account's name.
        name: String,
    },
    /// A file or directory could not be made, read or removed.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The verb: `read`, `write`, `remove`…
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process could not be started: not found, or the user or cgroup was refused.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A process outlived its deadline and was killed.
    #[error("{program} did not end within {after:?} and was killed")]
    Deadline {
        /// The program.
        program: String,
        /// The deadline that passed.
        after: Duration,
    },
    /// A process wrote more than is kept.
    #[error("{program} wrote more than {limit} bytes")]
    OutputTooLong {
        /// The program.
        program: String,
        /// How much is kept, in bytes.
        limit: u64,
    },
    /// A process could not be waited for or signalled.
    #[error("lost track of {program}: {source}")]
    Lost {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A process ended, but not well.
    #[error("{program} failed, {status}:\n{stderr}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// A server was started and did not begin to answer.
    #[error("{server} was not ready within {after:?}; its log ends:\n{log}")]
    NotReady {
        /// The server.
        server: &'static str,
        /// How long was waited.
        after: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// Every port that was tried had been taken by the time the server bound it.
    #[error("no free port for {server}, after {tries} tries")]
    NoPort {
        /// The server.
        server: &'static str,
        /// How many ports were tried.
        tries: usize,
    },
    /// A server answered, but with something else than it should.
    #[error("{server} answers in an unexpected way:\n{answer}")]
    Unexpected {
        /// The server.
        server: &'static str,
        /// The beginning of what it said.
        answer: String,
    },
    /// A test certificate could not be made.
    #[error("cannot make a test certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Adds what was being done, and to which path, to an [`io::Error`].
pub(crate) trait At<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::File {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
