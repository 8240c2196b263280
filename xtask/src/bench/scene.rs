//! Everything that is up while a benchmark runs: a database, weir, the proxies it is compared with, and
//! a cgroup for each, so that the kernel says what each has used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::database::Database;
use super::peers::Peers;
use super::stage::Stage;
use super::usage::Measured;
use crate::weir::{Weir, write_private};
use crate::workspace::Workspace;

/// The ways to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    Copier,
    Haproxy,
    Pgbouncer,
    /// Weir, by the target that one of its addresses leads to.
    Weir(&'static Target),
}

/// One of weir's targets: all lead to the same database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    name: &'static str,
    host: &'static str,
    what: &'static str,
}

pub(super) const OPAQUE: Target = Target {
    name: "opaque",
    host: "127.0.0.4",
    what: "weir, passing on",
};
pub(super) const JUDGED: Target = Target {
    name: "judged",
    host: "127.0.0.2",
    what: "weir, judged and recorded",
};
/// As [`JUDGED`], to a pool in front of the database, for more connections than that has processes for.
pub(super) const POOLED: Target = Target {
    name: "pooled",
    host: "127.0.0.5",
    what: "weir, to a pool",
};
pub(super) const MASKED: Target = Target {
    name: "masked",
    host: "127.0.0.3",
    what: "weir, with a masked column",
};
pub(super) const DETECTING: Target = Target {
    name: "detecting",
    host: "127.0.0.6",
    what: "weir, detectors on",
};

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Copier => "bare copier",
            Self::Haproxy => "haproxy, TCP mode",
            Self::Pgbouncer => "pgbouncer, session mode",
            Self::Weir(target) => target.what,
        }
    }
}

/// What a client is told to go one of the ways, and who is measured on it.
#[derive(Debug)]
pub(super) struct Leg<'a> {
    pub(super) host: &'static str,
    pub(super) port: u16,
    /// Where the client belongs.
    pub(super) client: &'a Measured,
    /// What is in between.
    pub(super) proxy: &'a Measured,
}

/// All of it. Each part takes itself down when dropped, in the order of the fields.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) weir: Weir,
    peers: Peers,
    pub(super) database: Database,
    client: Measured,
    agent: Measured,
    pub(super) daemon: Measured,
    nowhere: Measured,
    pub(super) stage: Stage,
}

impl Scene {
    /// Puts it up, with a database that takes so many connections.
    pub(super) fn raise(workspace: &Workspace, weir: &Path, connections: u32) -> Result<Self> {
        let stage = Stage::raise()?;
        let group = |name| stage.cgroups.beside(name).map(Measured::new);
        let (client, server, nowhere) = (group("client")?, group("server")?, group("nowhere")?);
        let database = Database::start(server, connections)?;
        let peers = Peers::start(&stage, &database)?;
        let policies = policies(workspace, stage.dir())?;
        let engine = format!("policies = \"{}\"\n", policies.display());
        let weir = stage.weir(weir, &engine, &targets(&stage, &database, &peers)?)?;
        Ok(Self {
            agent: Measured::new(stage.cgroups.agent()),
            daemon: Measured::new(stage.cgroups.daemon()),
            weir,
            peers,
            database,
            client,
            nowhere,
            stage,
        })
    }

    /// One of the ways.
    pub(super) fn leg(&self, way: Way) -> Leg<'_> {
        let port = self.database.postgres.port();
        let (host, port, client, proxy) = match way {
            Way::Direct => ("127.0.0.1", port, &self.client, &self.nowhere),
            Way::Weir(target) => (target.host, port, &self.agent, &self.daemon),
            Way::Copier | Way::Haproxy | Way::Pgbouncer => {
                let peer = match way {
                    Way::Copier => &self.peers.copier,
                    Way::Haproxy => &self.peers.haproxy,
                    _ => &self.peers.pgbouncer,
                };
                ("127.0.0.1", peer.port, &self.client, &peer.usage)
            }
        };
        Leg {
            host,
            port,
            client,
            proxy,
        }
    }
}

/// The shipped policies, and a column of each table masked for one of the targets.
fn policies(workspace: &Workspace, dir: &Path) -> Result<PathBuf> {
    let policies = dir.join("policies");
    fs::create_dir(&policies).context("cannot make a directory")?;
    let shipped = workspace.root().join("policies").join("default");
    for entry in fs::read_dir(&shipped).context("cannot list the policies")? {
        let from = entry?.path();
        let name = from.file_name().context("a policy without a name")?;
        fs::copy(&from, policies.join(name)).context("cannot copy a policy")?;
    }
    let column = |class: &str, table: &str, column: &str| {
        format!(
            "[[column]]\nclass = \"{class}\"\ntarget = \"{}\"\ntable = \"public.{table}\"\n\
             column = \"{column}\"\n\n",
            MASKED.name
        )
    };
    let masking = format!(
        "[class.hidden]\nmethod = \"null\"\n\n[class.partly]\nmethod = \"partial\"\nkeep_last = 4\n\n\
         {}{}",
        column("hidden", "pgbench_accounts", "abalance"),
        column("partly", "wide", "note"),
    );
    fs::write(policies.join("masking.toml"), masking).context("cannot write the masking rules")?;
    Ok(policies)
}

fn targets(stage: &Stage, database: &Database, peers: &Peers) -> Result<String> {
    let postgres = &database.postgres;
    let password = stage.dir().join("password");
    write_private(&password, postgres.app_password())?;
    let port = postgres.port();
    let read = |target: &Target, upstream: u16, keys: &str| {
        format!(
            r#"[[target]]
name = "{name}"
protocol = "postgres"
hosts = ["{host}"]
ports = [{port}]
upstream = "127.0.0.1:{upstream}"
dial_from = "host"
{keys}
[target.tls]
mode = "disable"

[target.credential]
user = "{user}"
password_file = "{password}"

"#,
            name = target.name,
            host = target.host,
            user = postgres.app_user(),
            password = password.display(),
        )
    };
    Ok(format!(
        "{}{}{}{}[[target]]\nname = \"{}\"\nprotocol = \"tcp\"\nhosts = [\"{}\"]\nports = [{port}]\n\
         upstream = \"127.0.0.1:{port}\"\ndial_from = \"host\"\n",
        read(&JUDGED, port, ""),
        read(&MASKED, port, ""),
        read(&POOLED, peers.pool.port, ""),
        read(&DETECTING, port, "detectors = \"all\"\n"),
        OPAQUE.name,
        OPAQUE.host,
    ))
}
