//! A throwaway PostgreSQL server on loopback.
//!
//! Job: a real server with TLS, a chosen way to log in, and sample data worth masking, up in a
//! fraction of a second; and afterwards what it received, from its own log.
//!
//! Not its job: installing PostgreSQL, or being fast or durable: it syncs nothing to disk.
//!
//! Known limits: one database and one role beside the superuser.

mod builder;
mod certificate;
mod directory;
mod installation;
mod log;
mod sample;
mod secret;
mod server;
mod settings;
mod template;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use nix::unistd::Pid;

pub use builder::Builder;
pub use log::{Kind, Statement};
pub use settings::Auth;

use crate::process::Spawn;
use crate::{Error, Result};
use directory::Directory;
use installation::Installation;
use server::Server;
use template::Passwords;

/// The superuser, whom no agent should ever be.
const SUPERUSER: &str = "postgres";
/// An ordinary role that owns the database and the sample tables.
const APP_USER: &str = "app";
const DATABASE: &str = "shop";

/// A running server. Stopped, and its directory removed, when dropped.
pub struct Postgres {
    // In the order in which they must go: first the process, then what it stands on.
    server: Server,
    directory: Directory,
    installation: Installation,
    passwords: Passwords,
    port: u16,
}

impl Postgres {
    /// How a server is asked for.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The port, the same on both loopback addresses.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its IPv4 address as text. It listens on `::1` too.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// [`host`](Postgres::host) and [`port`](Postgres::port) as a socket address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// The certificate of the authority that signed the server's own, in PEM; anyone may read it.
    /// It is there without TLS too, and then has signed nothing.
    #[must_use]
    pub fn ca_pem_path(&self) -> &Path {
        self.directory.ca_pem()
    }

    /// The superuser's name.
    #[must_use]
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// The superuser's password.
    #[must_use]
    pub fn superuser_password(&self) -> &str {
        self.passwords.superuser()
    }

    /// A role that is no superuser, and owns the database and its sample tables.
    #[must_use]
    pub fn app_user(&self) -> &'static str {
        APP_USER
    }

    /// The password of [`app_user`](Postgres::app_user).
    #[must_use]
    pub fn app_password(&self) -> &str {
        self.passwords.app()
    }

    /// The database with the sample data.
    #[must_use]
    pub fn database(&self) -> &'static str {
        DATABASE
    }

    /// The server's log. Only who started it may read it.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.directory.log()
    }

    /// The directory that is removed when it stops.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// The process id of the server.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.server.pid()
    }

    /// The directory of PostgreSQL's own programs: `psql`, `pgbench`…
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        self.installation.bin_dir()
    }

    /// Runs SQL as the superuser over the private unix socket, round everything that is tested, to
    /// see what really happened. Rows come back one a line, columns separated by `|`. Leaves no
    /// trace in [`statements`](Postgres::statements).
    pub fn psql_as_superuser(&self, sql: &str) -> Result<String> {
        let output = self.installation.psql_over_socket(
            self.directory.socket(),
            self.port,
            self.passwords.superuser(),
            DATABASE,
            sql,
        )?;
        Ok(output.stdout_text().trim_end().to_owned())
    }

    /// A `psql` that will connect by TCP with the system's usual environment and no settings of the
    /// caller's: add who, where and what.
    #[must_use]
    pub fn psql(&self) -> Spawn {
        Spawn::new(self.installation.bin_dir().join("psql")).args(["-X", "-v", "ON_ERROR_STOP=1"])
    }

    /// Every statement that any client sent, in the order in which the server saw them.
    pub fn statements(&self) -> Result<Vec<Statement>> {
        log::read(self.directory.log())
    }

    /// The text of each statement that reached the server: by a simple query, by a parse whether
    /// or not it was executed, or refused by the server's own parser. Binding and executing what
    /// was parsed before adds nothing.
    pub fn received(&self) -> Result<Vec<String>> {
        let arrived = |statement: Statement| match statement.kind {
            Kind::Query | Kind::Parse | Kind::Rejected => Some(statement.text),
            Kind::Bind | Kind::Execute => None,
        };
        Ok(self.statements()?.into_iter().filter_map(arrived).collect())
    }

    /// Stops it and removes its directory, and says if either fails, as dropping can't.
    pub fn stop(self) -> Result<()> {
        let Self {
            server, directory, ..
        } = self;
        server.stop()?;
        directory.remove()
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("port", &self.port)
            .field("dir", &self.directory.path())
            .finish_non_exhaustive()
    }
}

/// Whether this machine has a PostgreSQL that [`Postgres`] can start.
#[must_use]
pub fn is_installed() -> bool {
    Installation::find().is_ok()
}

/// PostgreSQL as errors name it.
const SERVER: &str = "PostgreSQL";

/// The error of a machine without it.
fn not_installed() -> Error {
    Error::NotInstalled { what: SERVER }
}
