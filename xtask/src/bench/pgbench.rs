//! What a short transaction costs: pgbench's select-only one, through whatever stands in the way.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testbed::{Identity, Spawn};

use super::Options;
use super::measure::quantile;
use super::report::Report;
use super::scene::{JUDGED, MASKED, OPAQUE, Scene, Way};
use crate::workspace::Workspace;
use crate::{interrupt, say};

const SECTION: &str = "pgbench";
const CLIENTS: [u32; 3] = [1, 8, 32];
/// What share of its transactions pgbench logs: enough for a p99, and too few to slow it down.
const LOGGED: &str = "0.1";
/// What the database takes at most: each way's clients, one after the other.
const CONNECTIONS: u32 = 200;

/// How pgbench sends its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mode {
    /// Each as a text
    Simple,
    /// Each parsed, bound and executed
    Extended,
    /// Parsed once
    Prepared,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Simple, Self::Extended, Self::Prepared];

    fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// The first is what throughput is compared with, the second what the proxy's CPU is, the third p99.
const WAYS: [Way; 7] = [
    Way::Direct,
    Way::Copier,
    Way::Haproxy,
    Way::Pgbouncer,
    Way::Weir(&OPAQUE),
    Way::Weir(&JUDGED),
    Way::Weir(&MASKED),
];

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) tps: f64,
    /// CPU of what is in between, of the client and of the server: microseconds a transaction.
    pub(super) proxy: f64,
    client: f64,
    server: f64,
    p50: f64,
    p99: f64,
}

/// Measures it so many times.
pub(super) fn measure(
    workspace: &Workspace,
    weir: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let scene = Scene::raise(workspace, weir, CONNECTIONS)?;
    let modes = if options.modes.is_empty() {
        &Mode::ALL[..]
    } else {
        &options.modes
    };
    let clients = if options.clients.is_empty() {
        &CLIENTS[..]
    } else {
        &options.clients
    };
    for &mode in modes {
        for &clients in clients {
            let load = Load {
                mode,
                clients,
                seconds: options.seconds,
                connects: false,
            };
            let mut runs: [Vec<Run>; WAYS.len()] = Default::default();
            for round in 1..=options.rounds {
                say::line(format_args!(
                    "{SECTION}, {}, {clients} clients: round {round} of {}",
                    mode.name(),
                    options.rounds
                ));
                for (way, runs) in WAYS.into_iter().zip(&mut runs) {
                    interrupt::check()?;
                    runs.push(run(&scene, way, load)?);
                }
            }
            tell(mode, clients, &runs, report);
        }
    }
    Ok(())
}

fn tell(mode: Mode, clients: u32, runs: &[Vec<Run>; WAYS.len()], report: &mut Report) {
    let each = |runs: &[Run], of: fn(&Run) -> f64| runs.iter().map(of).collect::<Vec<_>>();
    let [direct, copier, haproxy, ..] = runs;
    let (tps, proxy) = (each(direct, |run| run.tps), each(copier, |run| run.proxy));
    let p99 = each(haproxy, |run| run.p99);
    for (way, runs) in WAYS.into_iter().zip(runs) {
        let what = format!("{} {clients}: {}", mode.name(), way.name());
        let mut add = |unit, of: fn(&Run) -> f64, base: Option<&[f64]>| {
            report.add(SECTION, &what, unit, &each(runs, of), base);
        };
        add("TPS", |run| run.tps, Some(&tps));
        if way != Way::Direct {
            add("µs proxy", |run| run.proxy, Some(&proxy));
        }
        add("µs client", |run| run.client, None);
        add("µs server", |run| run.server, None);
        add("µs p50", |run| run.p50, None);
        add("µs p99", |run| run.p99, Some(&p99));
    }
}

/// What pgbench does in one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) mode: Mode,
    pub(super) clients: u32,
    pub(super) seconds: u32,
    /// A new connection for each transaction.
    pub(super) connects: bool,
}

/// Runs it one of the ways.
pub(super) fn run(scene: &Scene, way: Way, load: Load) -> Result<Run> {
    let leg = scene.leg(way);
    let log = scene.stage.dir().join("log");
    fs::remove_dir_all(&log).ok();
    fs::create_dir(&log).context("cannot make a directory")?;
    nix::unistd::chown(&log, Some(Identity::nobody().uid()), None)?;
    let Load {
        mode,
        clients,
        seconds,
        connects,
    } = load;
    let sampled = if connects { "1" } else { LOGGED };
    let pgbench = scene
        .database
        .program("pgbench", leg.host, leg.port)
        .args([
            "-n",
            "-S",
            "-M",
            mode.name(),
            "-l",
            "--sampling-rate",
            sampled,
        ])
        .args(["-T", &seconds.to_string(), "-c", &clients.to_string()])
        .args(["-j", &clients.min(2).to_string()])
        .args(connects.then_some("-C"))
        .arg(scene.database.postgres.database())
        .current_dir(&log)
        .as_user(Identity::nobody())
        .in_cgroup(leg.client.dir())
        .deadline(Duration::from_secs(60) + Duration::from_secs(seconds.into()));
    let used = || -> Result<[f64; 3]> {
        Ok([
            leg.proxy.cpu()?,
            leg.client.cpu()?,
            scene.database.usage.cpu()?,
        ])
    };
    let [proxy, client, server] = used()?;
    let (tps, count) = said(pgbench)?;
    let after = used()?;
    let [proxy, client, server] = {
        let [p, c, s] = after;
        [
            (p - proxy) / count,
            (c - client) / count,
            (s - server) / count,
        ]
    };
    let latencies = latencies(&log)?;
    let at = |share| quantile(&latencies, share).context("pgbench logged no transaction");
    Ok(Run {
        tps,
        proxy,
        client,
        server,
        p50: at(0.5)?,
        p99: at(0.99)?,
    })
}

/// Transactions a second, and how many there were.
fn said(pgbench: Spawn) -> Result<(f64, f64)> {
    let output = pgbench.run_ok()?;
    let text = output.stdout_text();
    let number = |prefix: &str| -> Option<f64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(prefix))?;
        rest.split([' ', '/']).next()?.parse().ok()
    };
    let told = number("tps = ").zip(number("number of transactions actually processed: "));
    let (tps, count) = told.with_context(|| format!("pgbench said:\n{text}"))?;
    ensure!(count > 0.0, "no transaction was made:\n{text}");
    Ok((tps, count))
}

/// The third field of pgbench's log (its documentation, "Per-Transaction Logging"), in microseconds.
fn latencies(dir: &Path) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    for entry in fs::read_dir(dir).context("cannot list pgbench's logs")? {
        let text = fs::read_to_string(entry?.path()).context("cannot read pgbench's log")?;
        latencies.extend(
            text.lines()
                .filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()),
        );
    }
    Ok(latencies)
}
