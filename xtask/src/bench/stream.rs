//! A million rows of about a hundred bytes: how fast they come, and what passing them on costs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testbed::Identity;

use super::Options;
use super::report::Report;
use super::scene::{DETECTING, JUDGED, MASKED, Scene, Way};
use crate::workspace::Workspace;
use crate::{interrupt, say};

const SECTION: &str = "stream";
const CONNECTIONS: u32 = 50;
const ROWS: &str = "CREATE TABLE wide AS SELECT i AS id, md5(i::text) AS name, \
                    repeat(chr(97 + i % 26), 40) AS note, i * 2 AS twice \
                    FROM generate_series(1, 1000000) AS i; ALTER TABLE wide OWNER TO app; \
                    VACUUM ANALYZE wide; CHECKPOINT";

/// How the rows are asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    what: &'static str,
    sql: &'static str,
    binary: bool,
}

const SELECT: Asked = Asked {
    what: "SELECT",
    sql: "SELECT id, name, note, twice FROM wide",
    binary: false,
};
const BINARY: Asked = Asked {
    what: "SELECT, binary",
    sql: "SELECT id, name, note, twice FROM wide",
    binary: true,
};
/// Nothing masked may be copied, so what is copied is not masked.
const COPY: Asked = Asked {
    what: "COPY",
    sql: "COPY (SELECT id, name, twice FROM wide) TO STDOUT",
    binary: false,
};

/// Each with the ways that it is asked; the second is what the others are compared with.
const ASKED: [(Asked, &[Way]); 3] = [
    (
        SELECT,
        &[
            Way::Direct,
            Way::Copier,
            Way::Haproxy,
            Way::Weir(&JUDGED),
            Way::Weir(&MASKED),
            Way::Weir(&DETECTING),
        ],
    ),
    (
        BINARY,
        &[
            Way::Direct,
            Way::Copier,
            Way::Weir(&JUDGED),
            Way::Weir(&MASKED),
            Way::Weir(&DETECTING),
        ],
    ),
    (
        COPY,
        &[
            Way::Direct,
            Way::Copier,
            Way::Weir(&JUDGED),
            Way::Weir(&DETECTING),
        ],
    ),
];

/// What one run came to.
#[derive(Clone, Copy, Debug)]
struct Run {
    rate: f64,
    /// CPU of what is in between, in seconds a gigabyte.
    proxy: f64,
    /// The most that weir held meanwhile, in MiB.
    peak: f64,
}

/// Measures it so many times.
pub(super) fn measure(
    workspace: &Workspace,
    weir: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let scene = Scene::raise(workspace, weir, CONNECTIONS)?;
    scene.database.postgres.psql_as_superuser(ROWS)?;
    for (asked, ways) in ASKED {
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); ways.len()];
        for round in 1..=options.rounds {
            say::line(format_args!(
                "{SECTION}, {}: round {round} of {}",
                asked.what, options.rounds
            ));
            for (way, runs) in ways.iter().zip(&mut runs) {
                interrupt::check()?;
                runs.push(run(&scene, *way, asked)?);
            }
        }
        let each = |runs: &[Run], of: fn(&Run) -> f64| runs.iter().map(of).collect::<Vec<_>>();
        let floor = runs.get(1).map(Vec::as_slice).unwrap_or_default();
        let (rate, proxy) = (each(floor, |run| run.rate), each(floor, |run| run.proxy));
        for (way, runs) in ways.iter().zip(&runs) {
            let what = format!("{}: {}", asked.what, way.name());
            report.add(
                SECTION,
                &what,
                "MB/s",
                &each(runs, |run| run.rate),
                Some(&rate),
            );
            if *way != Way::Direct {
                let cpu = each(runs, |run| run.proxy);
                report.add(SECTION, &what, "s/GB proxy", &cpu, Some(&proxy));
            }
            if matches!(way, Way::Weir(_)) {
                report.add(
                    SECTION,
                    &what,
                    "MiB peak",
                    &each(runs, |run| run.peak),
                    None,
                );
            }
        }
    }
    Ok(())
}

fn run(scene: &Scene, way: Way, asked: Asked) -> Result<Run> {
    let leg = scene.leg(way);
    let postgres = &scene.database.postgres;
    let to = format!("{}:{}", leg.host, leg.port);
    let mut words = vec![
        "stream",
        to.as_str(),
        postgres.app_user(),
        postgres.database(),
        asked.sql,
    ];
    words.extend(asked.binary.then_some("--binary"));
    let client = scene
        .stage
        .part(&words)
        .as_user(Identity::nobody())
        .in_cgroup(leg.client.dir())
        .deadline(Duration::from_secs(120));
    let pid = scene.weir.pid();
    // "5" has the kernel begin anew with the most that was held (proc(5)).
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset the peak")?;
    let before = leg.proxy.cpu()?;
    let output = client.run_ok()?.stdout_text();
    let used = leg.proxy.cpu()? - before;
    let said: Vec<f64> = output
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [rate, megabytes] = said[..] else {
        anyhow::bail!("{output:?} are no figures");
    };
    Ok(Run {
        rate,
        proxy: used / 1e6 / (megabytes / 1024.0),
        peak: peak(pid)?,
    })
}

fn peak(pid: nix::unistd::Pid) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("weir is gone")?;
    let kib: Option<f64> = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse()
            .ok()
    });
    Ok(kib.context("the kernel tells no peak")? / 1024.0)
}
