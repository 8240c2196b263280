//! The PostgreSQL that this machine has, and the account that runs it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;

use super::{SUPERUSER, not_installed};
use crate::Result;
use crate::process::{Identity, Output, Spawn};

/// Says where the binaries of another server are, and another version's with it.
const ELSEWHERE: &str = "WEIR_POSTGRES";
/// The account that the distribution's packages make.
const ACCOUNT: &str = "postgres";

/// Binaries and an account.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    bin: PathBuf,
    version: String,
    owner: Option<Identity>,
}

impl Installation {
    /// The one that `WEIR_POSTGRES` says, else the newest of the distribution's, else whatever
    /// `PATH` has.
    pub(super) fn find() -> Result<Self> {
        let bin = match std::env::var_os(ELSEWHERE) {
            Some(bin) => Some(PathBuf::from(bin)).filter(|bin| has(bin, &["postgres", "initdb"])),
            None => newest_packaged().or_else(on_path),
        };
        let bin = bin.ok_or_else(not_installed)?;
        // PostgreSQL refuses to run as root; without root it runs as whoever calls.
        let owner = if geteuid().is_root() {
            Some(Identity::of(ACCOUNT)?)
        } else {
            None
        };
        let output = Spawn::new(bin.join("postgres")).arg("--version").run_ok()?;
        // `postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`
        let version = output
            .stdout_text()
            .split_whitespace()
            .nth(2)
            .unwrap_or("0")
            .to_owned();
        Ok(Self {
            bin,
            version,
            owner,
        })
    }

    pub(super) fn bin_dir(&self) -> &Path {
        &self.bin
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Who must own the server's files; `None`: the caller.
    pub(super) fn owner(&self) -> Option<Identity> {
        self.owner
    }

    /// One of its programs, as the account that owns the server's files.
    pub(super) fn program(&self, name: &str) -> Spawn {
        // Packages of a server alone have no clients; those of any version do.
        let own = self.bin.join(name);
        let program = if own.is_file() { own } else { name.into() };
        let spawn = Spawn::new(program).deadline(Duration::from_secs(60));
        match self.owner {
            Some(owner) => spawn.as_user(owner),
            None => spawn,
        }
    }

    /// SQL by `psql` as the superuser over a unix socket, kept out of the server's log.
    pub(super) fn psql_over_socket(
        &self,
        socket: &Path,
        port: u16,
        password: &str,
        database: &str,
        sql: &str,
    ) -> Result<Output> {
        self.program("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", database])
            .args([OsStr::new("-h"), socket.as_os_str()])
            .args(["-p", &port.to_string(), "-f", "-"])
            .env("PGPASSWORD", password)
            .env("PGOPTIONS", "-c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic")
            .stdin(sql)
            .run_ok()
    }
}

/// Debian keeps each major version in a directory of its own.
fn newest_packaged() -> Option<PathBuf> {
    let major = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((major(&entry)?, entry.path().join("bin")))
        })
        .filter(|(_, bin)| is_server(bin))
        .max()
        .map(|(_, bin)| bin)
}

fn on_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|dir| is_server(dir))
}

fn is_server(bin: &Path) -> bool {
    has(bin, &["postgres", "initdb", "psql"])
}

fn has(bin: &Path, programs: &[&str]) -> bool {
    programs.iter().all(|name| bin.join(name).is_file())
}
