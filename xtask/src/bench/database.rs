//! The database that is asked: pgbench's tables, on a server without a log of statements.

use std::time::Duration;

use anyhow::{Context as _, Result};
use testbed::postgres::Auth;
use testbed::{Postgres, Spawn};

use super::usage::Measured;

/// The server, in a cgroup of its own.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) postgres: Postgres,
    pub(super) usage: Measured,
}

impl Database {
    /// Starts it with room for so many connections, without TLS: whoever is compared speaks as plainly.
    pub(super) fn start(usage: Measured, connections: u32) -> Result<Self> {
        let postgres = Postgres::builder()
            .tls(false)
            // Nobody is asked for a password: logging in is not what is measured.
            .auth(Auth::Trust)
            .sample_data(false)
            .load(connections)
            .start()?;
        usage.take(postgres.pid())?;
        let database = Self { postgres, usage };
        database
            .program("pgbench", "127.0.0.1", database.postgres.port())
            .args(["-i", "-q", "-s", "1", "-I", "dtgp"])
            .arg(database.postgres.database())
            .deadline(Duration::from_secs(60))
            .run_ok()
            .context("cannot fill the database")?;
        Ok(database)
    }

    /// One of PostgreSQL's own programs, which asks this address.
    pub(super) fn program(&self, name: &str, host: &str, port: u16) -> Spawn {
        Spawn::new(self.postgres.bin_dir().join(name))
            .env("PGHOST", host)
            .env("PGPORT", port.to_string())
            .env("PGUSER", self.postgres.app_user())
            .env("PGPASSWORD", self.postgres.app_password())
            .env("PGSSLMODE", "disable")
            .env("PGGSSENCMODE", "disable")
    }
}
