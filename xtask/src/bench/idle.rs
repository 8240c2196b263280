//! Many idle governed connections: what each holds, and how long a new one takes among them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use testbed::Identity;

use super::Options;
use super::measure::as_f64;
use super::report::Report;
use super::scene::{POOLED, Scene, Way};
use crate::workspace::Workspace;
use crate::{interrupt, say};

const SECTION: &str = "idle";

/// Files that are open besides.
const OTHERS: u64 = 500;
/// Of the database, which has the pool in front of it.
const CONNECTIONS: u32 = 100;

/// How many of so many connections can be held: each takes two sockets and a record of weir's, which it
/// is let open if that may be allowed at all.
fn most(wanted: usize) -> Result<usize> {
    let files = u64::try_from(wanted)? * 3 + OTHERS;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if setrlimit(Resource::RLIMIT_NOFILE, files.max(hard), files.max(hard)).is_ok() {
        return Ok(wanted);
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot open more files at once")?;
    let most = usize::try_from(hard.saturating_sub(OTHERS) / 3)?.min(wanted);
    say::line(format_args!(
        "{SECTION}: only {most}, since a process may open no more than {hard} files here"
    ));
    Ok(most)
}

/// Measures it once: so many take their time. A pool stands in front of the database, of which each
/// would else be a process.
pub(super) fn measure(
    workspace: &Workspace,
    weir: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let count = most(options.idle)?;
    let scene = Scene::raise(workspace, weir, CONNECTIONS)?;
    say::line(format_args!("{SECTION}: {count} connections"));
    let leg = scene.leg(Way::Weir(&POOLED));
    let postgres = &scene.database.postgres;
    let to = format!("{}:{}", leg.host, leg.port);
    let hold = |count: usize| {
        scene
            .stage
            .part(&[
                "hold",
                to.as_str(),
                postgres.app_user(),
                postgres.database(),
                count.to_string().as_str(),
            ])
            .as_user(Identity::nobody())
            .in_cgroup(leg.client.dir())
            .deadline(Duration::from_secs(1200))
    };
    // What the first sessions bring about is no idle session's.
    hold(20).run_ok()?;
    let before = scene.daemon.memory()?;
    let ready = scene.stage.dir().join("ready");
    let output = std::fs::File::create(&ready).context("cannot make a file")?;
    let holding = hold(count).arg("--stay").log_to(output).start()?;
    let took = loop {
        interrupt::check()?;
        let said = std::fs::read_to_string(&ready).context("cannot read what it says")?;
        if let Some(micros) = said
            .lines()
            .next()
            .and_then(|line| line.parse::<f64>().ok())
        {
            break micros;
        }
        anyhow::ensure!(
            !holding.has_ended()?,
            "the connections could not be held: {said}"
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    // What was gathered for the records is written, and what the syncing held is given back.
    std::thread::sleep(Duration::from_secs(2));
    let each = (scene.daemon.memory()? - before) / as_f64(count);
    let what = format!("of {count} idle connections, each");
    report.add(SECTION, &what, "KiB", &[each], None);
    let what = format!("one more after {count}");
    report.add(SECTION, &what, "µs", &[took], None);
    drop(holding);
    Ok(())
}
