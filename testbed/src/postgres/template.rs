//! A finished data directory, made once per machine and kind, and copied for each server.
//!
//! `initdb` and the sample data take seconds, a copy a tenth of one. Templates are kept in
//! `target/testbed`, named by everything that went into them, and made under a lock: tests start
//! in many processes at once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::directory::Directory;
use super::installation::Installation;
use super::secret::random_password;
use super::server::{Server, Started};
use super::settings::{Auth, Listen};
use super::{APP_USER, DATABASE, SERVER, SUPERUSER, sample};
use crate::error::At;
use crate::process::Identity;
use crate::{Error, Result, paths};

/// Small WAL files, because they are most of what is copied; no syncing.
const INITDB: &[&str] = &[
    "--wal-segsize=1",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    "--auth=trust",
];

/// The passwords of a template's two roles.
#[derive(Clone)]
pub(super) struct Passwords {
    superuser: String,
    app: String,
}

impl Passwords {
    fn random() -> Result<Self> {
        Ok(Self {
            superuser: random_password()?,
            app: random_password()?,
        })
    }

    pub(super) fn superuser(&self) -> &str {
        &self.superuser
    }

    pub(super) fn app(&self) -> &str {
        &self.app
    }
}

/// A template on disk.
pub(super) struct Template {
    data: PathBuf,
    passwords: Passwords,
}

impl Template {
    /// The template of this kind, made now if this machine has none yet.
    pub(super) fn obtain(
        installation: &Installation,
        password_encryption: &'static str,
        sample_data: bool,
    ) -> Result<Self> {
        let cache = paths::cache_dir();
        fs::create_dir_all(&cache).at("make", &cache)?;
        let name = name(installation, password_encryption, sample_data);
        let dir = cache.join(&name);

        let lock_path = cache.join(format!("{name}.lock"));
        let lock = File::create(&lock_path).at("make", &lock_path)?;
        lock.lock().at("lock", &lock_path)?;
        if !dir.is_dir() {
            let auth = if password_encryption == "md5" {
                Auth::Md5
            } else {
                Auth::Scram
            };
            make(installation, auth, sample_data, &dir)?;
        }
        let read = |file: &str| fs::read_to_string(dir.join(file)).at("read", &dir.join(file));
        let passwords = Passwords {
            superuser: read("superuser")?,
            app: read("app")?,
        };
        Ok(Self {
            data: dir.join("data"),
            passwords,
        })
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn into_passwords(self) -> Passwords {
        self.passwords
    }
}

/// Everything that went into it, so that a change of any of it makes a new one.
fn name(installation: &Installation, password_encryption: &str, sample_data: bool) -> String {
    let mut hasher = DefaultHasher::new();
    (
        INITDB,
        installation.bin_dir(),
        sample_data.then(sample::sql),
    )
        .hash(&mut hasher);
    // Servers of root and of others have different owners, and can't read each other's.
    let uid = geteuid();
    let version = installation.version();
    format!(
        "postgres-{version}-{password_encryption}-uid{uid}-{:016x}",
        hasher.finish()
    )
}

/// Makes it elsewhere and moves it to its name when it is complete.
fn make(installation: &Installation, auth: Auth, sample_data: bool, dir: &Path) -> Result<()> {
    let passwords = Passwords::random()?;
    // Not under `target`: the account that runs the server may be unable to reach the checkout.
    let workshop = Directory::create(installation)?;
    initdb(installation, &workshop)?;
    fill(installation, &workshop, auth, sample_data, &passwords)?;

    let partial = dir.with_extension("partial");
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).at("remove", &partial);
        }
        _ => {}
    }
    DirBuilder::new()
        .mode(0o700)
        .create(&partial)
        .at("make", &partial)?;
    copy_tree(workshop.data(), &partial.join("data"), None)?;
    for (file, password) in [("superuser", &passwords.superuser), ("app", &passwords.app)] {
        let path = partial.join(file);
        fs::write(&path, password).at("write", &path)?;
    }
    fs::rename(&partial, dir).at("rename", &partial)
}

fn initdb(installation: &Installation, workshop: &Directory) -> Result<()> {
    let data = workshop.data();
    DirBuilder::new()
        .mode(0o700)
        .create(data)
        .at("make", data)?;
    workshop.give_to_owner(data)?;
    installation
        .program("initdb")
        .args(INITDB)
        .args(["--username", SUPERUSER, "--pgdata"])
        .arg(data)
        .run_ok()
        .map(drop)
}

/// Roles, passwords, database, tables; by a server that listens nowhere but on its unix socket.
fn fill(
    installation: &Installation,
    workshop: &Directory,
    auth: Auth,
    sample_data: bool,
    passwords: &Passwords,
) -> Result<()> {
    // Nobody has a password yet; the socket's directory is what keeps others out.
    let listen = Listen {
        port: None,
        socket: workshop.socket(),
        tls: None,
        tls_demanded: false,
        auth: Auth::Trust,
        load: None,
    };
    let Started::Ready(server) = Server::start(installation, workshop, &listen)? else {
        return Err(Error::NoPort {
            server: SERVER,
            tries: 1,
        });
    };
    let psql = |database: &str, sql: &str| {
        let port = listen.socket_port();
        installation.psql_over_socket(workshop.socket(), port, "", database, sql)
    };
    let encryption = auth.password_encryption();
    let Passwords { superuser, app } = passwords;
    psql(
        "postgres",
        &format!(
            "SET password_encryption = '{encryption}';\n\
             ALTER ROLE {SUPERUSER} PASSWORD '{superuser}';\n\
             CREATE ROLE {APP_USER} LOGIN PASSWORD '{app}';\n\
             CREATE DATABASE {DATABASE} OWNER {APP_USER};\n"
        ),
    )?;
    if sample_data {
        psql(
            DATABASE,
            &format!("SET ROLE {APP_USER};\n{}", sample::sql()),
        )?;
        psql(DATABASE, "VACUUM (FREEZE, ANALYZE)")?;
    }
    server.stop_cleanly()
}

/// Copies a directory of plain files, private to its owner, to a path where nothing is yet.
pub(super) fn copy_tree(from: &Path, to: &Path, owner: Option<Identity>) -> Result<()> {
    let give = |path: &Path| match owner {
        None => Ok(()),
        Some(owner) => chown(path, Some(owner.uid().as_raw()), Some(owner.gid().as_raw())),
    };
    let mut pending = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = pending.pop() {
        DirBuilder::new().mode(0o700).create(&to).at("make", &to)?;
        give(&to).at("give away", &to)?;
        for entry in fs::read_dir(&from).at("read", &from)? {
            let entry = entry.at("read", &from)?;
            let target = to.join(entry.file_name());
            if entry.file_type().at("read", &entry.path())?.is_dir() {
                pending.push((entry.path(), target));
            } else {
                copy_file(&entry.path(), &target).at("copy", &entry.path())?;
                give(&target).at("give away", &target)?;
            }
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    io::copy(&mut from, &mut to).map(drop)
}
