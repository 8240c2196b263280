//! What recording a statement costs, in each durability, beside not recording it; and what the disk
//! has of it.
//!
//! The work is done by `userspace/record/benches/record.rs`, so that this program needs nothing of
//! what it measures.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::report::Report;
use crate::workspace::Workspace;
use crate::{interrupt, say};

const SECTION: &str = "record";
/// How many of pgbench's transactions, of seven statements each, make a round.
const TRANSACTIONS: u32 = 300;
const WAYS: [&str; 3] = ["none", "batched", "strict"];

/// What one run says.
#[derive(Debug, Deserialize)]
struct Said {
    /// Of a statement, there and back: the median.
    micros: f64,
    /// A second of recording: events, what they hold, and what the disk has of that.
    events: f64,
    megabytes: f64,
    written: f64,
    /// A thousand transactions.
    bytes: f64,
}

/// Measures it so many times, on the disk that holds the workspace.
pub(super) fn measure(workspace: &Workspace, rounds: u32, report: &mut Report) -> Result<()> {
    let mut said: [Vec<Said>; 3] = Default::default();
    for round in 1..=rounds {
        interrupt::check()?;
        say::line(format_args!("{SECTION}: round {round} of {rounds}"));
        for (way, said) in WAYS.iter().zip(&mut said) {
            let dir = tempfile::Builder::new()
                .prefix("bench-record-")
                .tempdir_in(workspace.root().join("target"))?;
            said.push(run(workspace, way, &dir.path().join("records"))?);
        }
    }
    let [none, batched, strict] = said;
    let each = |said: &[Said], of: fn(&Said) -> f64| said.iter().map(of).collect::<Vec<_>>();
    let base = each(&none, |said| said.micros);
    report.add(SECTION, "a statement, not recorded", "µs", &base, None);
    for (what, said) in [("batched", &batched), ("strict", &strict)] {
        let micros = each(said, |said| said.micros);
        let what = format!("a statement, {what}");
        report.add(SECTION, &what, "µs", &micros, Some(&base));
    }
    for (what, unit, of) in [
        (
            "events, batched",
            "/s",
            (|said| said.events) as fn(&Said) -> f64,
        ),
        ("events and results, batched", "MB/s", |said| said.megabytes),
        ("of these written, batched", "MB/s", |said| said.written),
        ("1,000 pgbench transactions", "bytes", |said| said.bytes),
    ] {
        report.add(SECTION, what, unit, &each(&batched, of), None);
    }
    Ok(())
}

fn run(workspace: &Workspace, way: &str, dir: &Path) -> Result<Said> {
    let output = Command::new("cargo")
        .args([
            "bench",
            "--quiet",
            "--locked",
            "-p",
            "weir-record",
            "--bench",
            "record",
            "--",
        ])
        .args([way, TRANSACTIONS.to_string().as_str()])
        .arg(dir)
        .current_dir(workspace.root())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "the benchmark of the record failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("the benchmark of the record said nothing")
}
