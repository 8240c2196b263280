//! New connections, one after the other: pgbench with one for each transaction.

use std::path::Path;

use anyhow::Result;

use super::Options;
use super::pgbench::{Load, Mode, Run, run};
use super::report::Report;
use super::scene::{JUDGED, OPAQUE, Scene, Way};
use crate::workspace::Workspace;
use crate::{interrupt, say};

const SECTION: &str = "connecting";
const CLIENTS: u32 = 8;
const CONNECTIONS: u32 = 200;
/// The first is what rates are compared with, the second what the proxy's CPU is.
const WAYS: [Way; 5] = [
    Way::Direct,
    Way::Copier,
    Way::Haproxy,
    Way::Weir(&OPAQUE),
    Way::Weir(&JUDGED),
];

/// Measures it so many times.
pub(super) fn measure(
    workspace: &Workspace,
    weir: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let scene = Scene::raise(workspace, weir, CONNECTIONS)?;
    let load = Load {
        mode: Mode::Simple,
        clients: CLIENTS,
        seconds: options.seconds,
        connects: true,
    };
    let mut runs: [Vec<Run>; WAYS.len()] = Default::default();
    for round in 1..=options.rounds {
        say::line(format_args!(
            "{SECTION}: round {round} of {}",
            options.rounds
        ));
        for (way, runs) in WAYS.into_iter().zip(&mut runs) {
            interrupt::check()?;
            runs.push(run(&scene, way, load)?);
        }
    }
    let each = |runs: &[Run], of: fn(&Run) -> f64| runs.iter().map(of).collect::<Vec<_>>();
    let [direct, copier, ..] = &runs;
    let rate = each(direct, |run| run.tps);
    let proxy = each(copier, |run| run.proxy);
    for (way, runs) in WAYS.into_iter().zip(&runs) {
        report.add(
            SECTION,
            way.name(),
            "/s",
            &each(runs, |run| run.tps),
            Some(&rate),
        );
        if way != Way::Direct {
            let cpu = each(runs, |run| run.proxy);
            report.add(SECTION, way.name(), "µs proxy", &cpu, Some(&proxy));
        }
    }
    Ok(())
}
