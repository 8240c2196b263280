//! `cargo xtask drivers`: what drivers' own test suites say of weir.
//!
//! Job: run each suite twice, at a PostgreSQL of its own: directly, and as an agent in a governed
//! cgroup, through the real eBPF programs. A test that passes directly passes through weir, and a
//! program sees the same bytes. What differs fails, unless `testbed/drivers/known.toml` says why it
//! should; what is said there and doesn't differ fails too.
//!
//! Not its job: judging the drivers. A test that fails both ways tells nothing of weir.
//!
//! Known limits: everything is permitted and nothing masked, since fidelity is what is looked at, and
//! all log in as the superuser. Tests that start a server of their own would not go through weir;
//! the suites skip them where they are given one.

mod compare;
mod known;
mod outcome;
mod pgbench;
mod programs;
mod pytest;
mod rust;
mod scene;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;

use crate::build_weir::Profile;
use crate::setup::{self, Part};
use crate::workspace::Workspace;
use crate::{build_ebpf, build_weir, interrupt, say};
use compare::Comparison;
use known::Known;
use outcome::{Outcomes, Ran};
use scene::{Scene, Way};

/// How it is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Whose tests to run; all if none is named
    names: Vec<Suite>,
    /// Print what became of each test as JSON
    #[arg(long)]
    json: bool,
    /// Only the tests of drivers' own suites whose names contain this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Use this weir instead of building one
    #[arg(long, value_name = "PATH")]
    weir: Option<PathBuf>,
}

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Suite {
    /// PostgreSQL's own benchmark, in each of its query modes and in pipelines
    Pgbench,
    /// A program of ours with psycopg 3, and so libpq
    Psycopg,
    /// A program of ours with node-postgres
    Node,
    /// A program of ours with the JDBC driver
    Jdbc,
    /// The tests in asyncpg's source distribution
    Asyncpg,
    /// The tests in the crate tokio-postgres
    TokioPostgres,
    /// SQLAlchemy's tests of its PostgreSQL dialect, by psycopg
    Sqlalchemy,
    /// The same by psycopg2
    SqlalchemyPsycopg2,
    /// The same by asyncpg
    SqlalchemyAsyncpg,
}

impl Suite {
    /// Whether it takes seconds and asserts no time, so that the weir of the tests will do.
    fn is_short(self) -> bool {
        matches!(
            self,
            Self::Pgbench | Self::Psycopg | Self::Node | Self::Jdbc
        )
    }

    const ALL: [Self; 9] = [
        Self::Pgbench,
        Self::Psycopg,
        Self::Node,
        Self::Jdbc,
        Self::Asyncpg,
        Self::TokioPostgres,
        Self::Sqlalchemy,
        Self::SqlalchemyPsycopg2,
        Self::SqlalchemyAsyncpg,
    ];

    /// As it is named on the command line and in the file of known differences.
    fn name(self) -> &'static str {
        match self {
            Self::Pgbench => "pgbench",
            Self::Psycopg => "psycopg",
            Self::Node => "node",
            Self::Jdbc => "jdbc",
            Self::Asyncpg => "asyncpg",
            Self::TokioPostgres => "tokio-postgres",
            Self::Sqlalchemy => "sqlalchemy",
            Self::SqlalchemyPsycopg2 => "sqlalchemy-psycopg2",
            Self::SqlalchemyAsyncpg => "sqlalchemy-asyncpg",
        }
    }

    /// What the server must have for it, as the superuser says it to psql.
    fn preparation(self) -> &'static str {
        match self {
            Self::Pgbench | Self::Psycopg | Self::Node | Self::Jdbc | Self::Asyncpg => "",
            Self::TokioPostgres => rust::PREPARATION,
            Self::Sqlalchemy | Self::SqlalchemyPsycopg2 | Self::SqlalchemyAsyncpg => {
                pytest::SQLALCHEMY_PREPARATION
            }
        }
    }

    fn run(self, workspace: &Workspace, scene: &Scene, only: Option<&str>) -> Result<Ran> {
        match self {
            Self::Pgbench => pgbench::run(scene),
            Self::Psycopg => programs::psycopg(workspace, scene),
            Self::Node => programs::node(workspace, scene),
            Self::Jdbc => programs::jdbc(workspace, scene),
            Self::Asyncpg => pytest::asyncpg(workspace, scene, only),
            Self::TokioPostgres => rust::run(workspace, scene, only),
            Self::Sqlalchemy => pytest::sqlalchemy(workspace, scene, "psycopg", only),
            Self::SqlalchemyPsycopg2 => pytest::sqlalchemy(workspace, scene, "psycopg2", only),
            Self::SqlalchemyAsyncpg => pytest::sqlalchemy(workspace, scene, "asyncpg", only),
        }
    }
}

/// Runs them, compares, and prints what differs.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !geteuid().is_root() {
        bail!("this loads eBPF programs and makes cgroups: run it as root");
    }
    let known = Known::read(&workspace.drivers().join("known.toml"))?;
    setup::parts(workspace, &[Part::Ebpf, Part::Postgres, Part::Drivers])?;
    let suites = match &options.names[..] {
        [] => &Suite::ALL[..],
        named => named,
    };
    let weir = match &options.weir {
        Some(weir) => weir
            .canonicalize()
            .with_context(|| format!("no weir at {}", weir.display()))?,
        None => {
            build_ebpf::run(workspace)?;
            let short = suites.iter().all(|suite| suite.is_short());
            let profile = if short {
                Profile::Tests
            } else {
                Profile::Release
            };
            build_weir::run(workspace, profile)?
        }
    };
    interrupt::watch()?;
    let mut comparisons = Vec::new();
    for &suite in suites {
        let direct = ran(workspace, suite, Way::Direct, options)?;
        let through = ran(workspace, suite, Way::Weir(&weir), options)?;
        let mut known = known.of(suite.name());
        if options.only.is_some() {
            // What wasn't run can't differ.
            known.retain(|test, _| direct.contains_key(*test));
        }
        comparisons.push(Comparison::new(suite.name(), &direct, &through, &known));
    }
    compare::print(&comparisons, options.json)?;
    let failed = comparisons.iter().filter(|compared| !compared.holds());
    match failed.count() {
        0 => {
            say::good("what passes directly passes through weir");
            Ok(())
        }
        count => bail!(
            "{count} of {} suites differ through weir",
            comparisons.len()
        ),
    }
}

/// Runs one of them one of the ways, and keeps what it printed.
fn ran(workspace: &Workspace, suite: Suite, way: Way<'_>, options: &Options) -> Result<Outcomes> {
    interrupt::check()?;
    let (name, how) = (suite.name(), way.name());
    say::heading(format_args!("{name}, {how}"));
    let scene = Scene::raise(way, suite.preparation())?;
    let ran = suite.run(workspace, &scene, options.only.as_deref())?;
    let file = testbed::drivers_dir().join(format!("{name}-{how}.log"));
    fs::write(&file, &ran.printed).with_context(|| format!("cannot write {}", file.display()))?;
    say::line(format_args!(
        "{} tests; what they printed is in {}",
        ran.outcomes.len(),
        file.display()
    ));
    if ran.outcomes.is_empty() && options.only.is_none() {
        bail!("{name} ran no test {how}; see {}", file.display());
    }
    Ok(ran.outcomes)
}
