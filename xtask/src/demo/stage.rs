//! What the demo plays on: a database, a weir in front of it, and a cgroup for the agent.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use testbed::{Postgres, Spawn};

use super::bait::Bait;
use super::clear::Clear;
use super::places::Who;
use super::screen;
use crate::cgroups::Cgroups;
use crate::weir::{Files, Weir, write_private};

/// The name of the demo's daemon: the default one, since a user would not say another.
const INSTANCE: &str = "daemon";

/// All of it. Each part takes itself down when dropped, in the order of the fields.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) weir: Weir,
    pub(super) cgroups: Cgroups,
    pub(super) bait: Bait,
    pub(super) clear: Clear,
    pub(super) postgres: Postgres,
    pub(super) dir: TempDir,
}

impl Stage {
    /// Puts it up, and shows how.
    pub(super) fn raise(weir: &Path) -> Result<Self> {
        screen::heading("The stage");
        let postgres = Postgres::builder().tls(true).sample_data(true).start()?;
        let clear = Clear::of(&postgres)?;
        screen::line(format_args!(
            "A PostgreSQL listens on 127.0.0.1:{port} and [::1]:{port}, by TLS and with passwords \
             (SCRAM) only.\nIn it are {count} emails and card numbers that no agent may see.",
            port = postgres.port(),
            count = clear.count(),
        ));
        let bait = Bait::set()?;
        let cgroups = Cgroups::make("demo")?;
        let dir = tempfile::Builder::new()
            .prefix("weir-demo-")
            .tempdir()
            .context("cannot make a directory")?;
        let config = dir.path().join("weir.toml");
        let password = dir.path().join("password");
        let text = configuration(&postgres, &cgroups, dir.path(), &password);
        write_private(&password, postgres.app_password())?;
        write_private(&config, &text)?;
        screen::typed(Who::Root.prompt(), &format!("cat {}", config.display()));
        screen::output(&text);

        let (socket, log) = (dir.path().join("weir.sock"), dir.path().join("weir.log"));
        screen::typed(
            Who::Root.prompt(),
            &format!("export WEIR_SOCKET={}", socket.display()),
        );
        screen::typed(
            Who::Root.prompt(),
            &format!("weir daemon --config {} &", config.display()),
        );
        let files = Files {
            config: &config,
            socket: &socket,
            log: &log,
        };
        let weir = Weir::start(weir, INSTANCE, &files, &cgroups.daemon())?;
        screen::line(format_args!("weir is up, process {}.", weir.pid()));
        screen::aside(
            "agent$ is the user nobody (65534) in the governed cgroup, nobody$ the same user \
             outside of it, root# the operator.",
        );
        Ok(Self {
            weir,
            cgroups,
            bait,
            clear,
            postgres,
            dir,
        })
    }

    /// An unmodified psql with the ordinary address of a server, and no password to give.
    pub(super) fn psql(&self, who: Who, host: &str, port: u16, statements: &[&str]) -> Spawn {
        let psql = Spawn::new(self.postgres.bin_dir().join("psql"))
            .args([
                "-w",
                "-h",
                host,
                "-p",
                &port.to_string(),
                "-U",
                self.postgres.app_user(),
            ])
            .arg(self.postgres.database())
            .args(statements.iter().flat_map(|statement| ["-c", statement]))
            .env("PGCONNECT_TIMEOUT", "10");
        who.dress(psql, &self.cgroups)
    }

    /// The distribution's Python with a program on its standard input.
    pub(super) fn python(&self, who: Who, program: &str, arg: &str) -> Spawn {
        who.dress(
            Spawn::new("/usr/bin/python3")
                .args(["-", arg])
                .stdin(program),
            &self.cgroups,
        )
    }

    /// Every file that weir has written records to.
    pub(super) fn records(&self) -> Result<Vec<PathBuf>> {
        let dir = self.dir.path().join("state").join("records");
        let list = || -> std::io::Result<Vec<PathBuf>> {
            fs::read_dir(&dir)?.map(|entry| Ok(entry?.path())).collect()
        };
        list().with_context(|| format!("cannot list {}", dir.display()))
    }
}

/// `weir.toml`.
fn configuration(postgres: &Postgres, cgroups: &Cgroups, dir: &Path, password: &Path) -> String {
    format!(
        r#"[engine]
state = "{dir}/state"
socket = "{dir}/weir.sock"
resolvers = []

[[identity]]
name = "demo-agent"
kind = "static"

[[workload]]
name = "demo"
cgroup = "{cgroup}"
create = true
identity = "demo-agent"
targets = ["orders-db"]

[[target]]
name = "orders-db"
protocol = "postgres"
hosts = ["127.0.0.1", "::1"]
ports = [{port}]

[target.tls]
mode = "verify-full"
ca = "{ca}"

[target.credential]
user = "{user}"
password_file = "{password}"
"#,
        dir = dir.display(),
        cgroup = cgroups.agent_name(),
        port = postgres.port(),
        ca = postgres.ca_pem_path().display(),
        user = postgres.app_user(),
        password = password.display(),
    )
}
