//! What weir is compared with: the bare copier, haproxy, pgbouncer. Each in a cgroup of its own.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use testbed::{Identity, Running, Spawn, free_port};

use super::database::Database;
use super::stage::Stage;
use super::usage::Measured;
use crate::setup::{HAPROXY, PGBOUNCER};

const READY_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// One of them, stopped when dropped.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) port: u16,
    pub(super) usage: Measured,
    _running: Running,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Peers {
    pub(super) copier: Peer,
    pub(super) haproxy: Peer,
    pub(super) pgbouncer: Peer,
    /// In transaction mode: it holds many connections by few of the database's.
    pub(super) pool: Peer,
}

impl Peers {
    pub(super) fn start(stage: &Stage, database: &Database) -> Result<Self> {
        let (copier, haproxy) = (free_port()?, free_port()?);
        let (pgbouncer, pool) = (free_port()?, free_port()?);
        let to = database.postgres.addr();
        let copy = stage.part(&[
            "copy",
            SocketAddr::from((Ipv4Addr::LOCALHOST, copier))
                .to_string()
                .as_str(),
            to.to_string().as_str(),
        ]);
        let dir = stage.dir();
        Ok(Self {
            copier: start(stage, "copier", copier, copy)?,
            haproxy: start(stage, "haproxy", haproxy, haproxy_with(dir, haproxy, to)?)?,
            pgbouncer: start(
                stage,
                "pgbouncer",
                pgbouncer,
                pgbouncer_with(dir, pgbouncer, "session", database)?,
            )?,
            pool: start(
                stage,
                "pool",
                pool,
                pgbouncer_with(dir, pool, "transaction", database)?,
            )?,
        })
    }
}

fn start(stage: &Stage, name: &str, port: u16, spawn: Spawn) -> Result<Peer> {
    let usage = Measured::new(stage.cgroups.beside(name)?);
    let running = spawn
        .as_user(Identity::nobody())
        .in_cgroup(usage.dir())
        .deadline(Duration::MAX)
        .start()?;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if running.has_ended()? {
            let said = running.wait()?;
            bail!(
                "{name} ended at its start:\n{}{}",
                said.stdout_text(),
                said.stderr_text()
            );
        }
        if running.age() > READY_WITHIN {
            bail!("{name} did not listen within {READY_WITHIN:?}");
        }
        thread::sleep(POLL);
    }
    Ok(Peer {
        port,
        usage,
        _running: running,
    })
}

/// TCP mode, as many threads as it takes by itself.
fn haproxy_with(dir: &Path, port: u16, to: SocketAddr) -> Result<Spawn> {
    let config = dir.join("haproxy.cfg");
    let text = format!(
        "global\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5m\n  \
         timeout server 5m\nlisten bench\n  bind 127.0.0.1:{port}\n  server database {to}\n"
    );
    write(&config, &text)?;
    Ok(Spawn::new(HAPROXY).args(["-db".as_ref(), "-f".as_ref(), config.as_os_str()]))
}

/// It asks for no password: that is not what is measured.
fn pgbouncer_with(dir: &Path, port: u16, mode: &str, database: &Database) -> Result<Spawn> {
    let postgres = &database.postgres;
    let config = dir.join(format!("pgbouncer-{mode}.ini"));
    let text = format!(
        "[databases]\n{name} = host=127.0.0.1 port={upstream} user={user} password={password}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = {mode}\nmax_client_conn = 40000\ndefault_pool_size = {pool}\n\
         ignore_startup_parameters = extra_float_digits,search_path\nlog_connections = 0\n\
         log_disconnections = 0\nlogfile = /dev/null\n",
        name = postgres.database(),
        upstream = postgres.port(),
        user = postgres.app_user(),
        password = postgres.app_password(),
        pool = if mode == "session" { 1000 } else { 20 },
    );
    write(&config, &text)?;
    Ok(Spawn::new(PGBOUNCER).args(["-q".as_ref(), config.as_os_str()]))
}

/// Only for the peers' account, which holds no right to anything else.
fn write(file: &Path, text: &str) -> Result<()> {
    let nobody = Identity::nobody();
    fs::write(file, text)
        .and_then(|()| fs::set_permissions(file, Permissions::from_mode(0o400)))
        .with_context(|| format!("cannot write {}", file.display()))?;
    nix::unistd::chown(file, Some(nobody.uid()), Some(nobody.gid()))
        .with_context(|| format!("cannot hand over {}", file.display()))
}
