//! What a suite runs at: a PostgreSQL of its own and, one of the ways, weir before it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::unistd::getpid;
use tempfile::TempDir;
use testbed::{Auth, Identity, Postgres, Spawn};

use crate::cgroups::Cgroups;
use crate::weir::{Files, Weir, write_private};

/// The port that the tests of tokio-postgres know.
pub(super) const PORT: u16 = 5433;
/// As many as the suites' pools open.
const CONNECTIONS: u32 = 200;
/// The longest that a suite may take.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// The authority's certificate, in the scene's directory.
const CA: &str = "ca.pem";

/// How the suite gets to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way<'a> {
    Direct,
    /// Through this weir.
    Weir(&'a Path),
}

impl Way<'_> {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Weir(_) => "weir",
        }
    }
}

/// All of it. Each part takes itself down when dropped, in the order of the fields.
#[derive(Debug)]
pub(super) struct Scene {
    weir: Option<(Weir, Cgroups)>,
    pub(super) postgres: Postgres,
    dir: TempDir,
}

impl Scene {
    /// Puts it up, with the server as the superuser's `preparation` makes it.
    pub(super) fn raise(way: Way<'_>, preparation: &str) -> Result<Self> {
        let postgres = Postgres::builder()
            .tls_offered()
            .auth(Auth::Trust)
            .sample_data(false)
            .load(CONNECTIONS)
            .port(PORT)
            .start()
            .with_context(|| format!("the suites need port {PORT}"))?;
        postgres.psql_as_superuser(preparation)?;
        let dir = tempfile::Builder::new()
            .prefix("weir-drivers-")
            .tempdir()
            .context("cannot make a directory")?;
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711))
            .context("cannot open the directory to the suites")?;
        let scratch = dir.path().join("scratch");
        let nobody = Identity::nobody();
        fs::create_dir(&scratch).context("cannot make a directory")?;
        nix::unistd::chown(&scratch, Some(nobody.uid()), Some(nobody.gid()))
            .context("cannot give the suites a directory")?;
        let mut authority = postgres.ca_pem_path().to_owned();
        let weir = match way {
            Way::Direct => None,
            Way::Weir(binary) => {
                authority = dir.path().join("state").join("ca").join("ca.pem");
                Some(before(&postgres, binary, dir.path())?)
            }
        };
        // Where accounts without rights reach it.
        fs::copy(&authority, dir.path().join(CA))
            .with_context(|| format!("cannot copy {}", authority.display()))?;
        fs::set_permissions(dir.path().join(CA), Permissions::from_mode(0o644))
            .context("cannot open the authority's certificate to the suites")?;
        Ok(Self {
            weir,
            postgres,
            dir,
        })
    }

    /// Makes it run as an account without rights and, one of the ways, as an agent.
    pub(super) fn dress(&self, spawn: Spawn) -> Spawn {
        let spawn = spawn
            .as_user(Identity::nobody())
            .env("HOME", self.scratch())
            .env("PGHOST", self.postgres.host())
            .env("PGPORT", self.postgres.port().to_string())
            .env("PGUSER", self.postgres.superuser())
            .env("PGGSSENCMODE", "disable")
            .deadline(DEADLINE);
        match &self.weir {
            None => spawn,
            Some((_, cgroups)) => spawn.in_cgroup(cgroups.agent()),
        }
    }

    /// A directory of the suite's own.
    pub(super) fn scratch(&self) -> PathBuf {
        self.dir.path().join("scratch")
    }

    /// The certificate of the authority that vouches for what the suite dials.
    pub(super) fn ca_pem(&self) -> PathBuf {
        self.dir.path().join(CA)
    }
}

/// A weir that permits all and masks nothing: fidelity is what is looked at.
fn before(postgres: &Postgres, binary: &Path, dir: &Path) -> Result<(Weir, Cgroups)> {
    let policies = dir.join("policies");
    fs::create_dir(&policies).context("cannot make a directory")?;
    write_private(
        &policies.join("all.cedar"),
        "@id(\"all\")\npermit (principal, action, resource);\n",
    )?;
    let cgroups = Cgroups::make("drivers")?;
    let at = |name: &str| dir.join(name);
    let (config, socket, log) = (at("weir.toml"), at("weir.sock"), at("weir.log"));
    write_private(&at("password"), postgres.superuser_password())?;
    write_private(&config, &configuration(postgres, &cgroups, dir))?;
    let files = Files {
        config: &config,
        socket: &socket,
        log: &log,
    };
    let instance = format!("drivers-{}", getpid());
    let weir = Weir::start(binary, &instance, &files, &cgroups.daemon())?;
    Ok((weir, cgroups))
}

/// `weir.toml`. The target looks to its clients as the server does: with TLS for who asks.
fn configuration(postgres: &Postgres, cgroups: &Cgroups, dir: &Path) -> String {
    format!(
        r#"[engine]
state = "{dir}/state"
socket = "{dir}/weir.sock"
policies = "{dir}/policies"
resolvers = []

[[identity]]
name = "driver"
kind = "static"

[[workload]]
name = "driver"
cgroup = "{cgroup}"
create = true
identity = "driver"

[[target]]
name = "database"
protocol = "postgres"
hosts = ["localhost", "127.0.0.1", "::1"]
ports = [{port}]

[target.agent]
tls = "offer"

[target.tls]
mode = "verify-full"
ca = "{ca}"
server_name = "localhost"

[target.credential]
user = "{user}"
password_file = "{dir}/password"
"#,
        dir = dir.display(),
        cgroup = cgroups.agent_name(),
        port = postgres.port(),
        ca = postgres.ca_pem_path().display(),
        user = postgres.superuser(),
    )
}
