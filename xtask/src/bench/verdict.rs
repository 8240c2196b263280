//! What a verdict costs with many policies, against what ships. It runs in a process of its own, built
//! as weir is: this one has no policies in it.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::report::Report;
use crate::process::cargo;
use crate::workspace::Workspace;
use crate::{build_ebpf, interrupt, say};

const SECTION: &str = "verdict";
/// What it prints, and how it is told. The first is what the others are compared with.
const ROWS: [(&str, &str); 6] = [
    ("known 0", "a known statement, shipped policies"),
    ("new 0", "a new statement, shipped policies"),
    ("known 50", "a known statement, 50 policies more"),
    ("new 50", "a new statement, 50 policies more"),
    ("known 500", "a known statement, 500 policies more"),
    ("new 500", "a new statement, 500 policies more"),
];

/// Measures it so many times.
pub(super) fn measure(workspace: &Workspace, rounds: u32, report: &mut Report) -> Result<()> {
    let args = [
        "bench",
        "--package",
        "weir-policy",
        "--bench",
        "verdict",
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ];
    say::command(format_args!("cargo {}", args.join(" ")));
    let built = cargo(workspace)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !built.status.success() {
        bail!("the benchmark doesn't build, {}", built.status);
    }
    let binary = build_ebpf::executable(&String::from_utf8_lossy(&built.stdout))
        .context("cargo built the benchmark and didn't say where it is")?;
    interrupt::check()?;
    say::line(format_args!("{SECTION}: {rounds} rounds"));
    let output = std::process::Command::new(&binary)
        .arg(rounds.to_string())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if !output.status.success() {
        bail!("the benchmark failed, {}", output.status);
    }
    let mut measured: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let round: BTreeMap<String, f64> =
            serde_json::from_str(line).with_context(|| format!("{line:?} is no round"))?;
        for (what, value) in round {
            measured.entry(what).or_default().push(value);
        }
    }
    let values = |key: &str| measured.get(key).map(Vec::as_slice).unwrap_or_default();
    let base = ROWS.first().map(|(key, _)| values(key));
    for (index, (key, what)) in ROWS.into_iter().enumerate() {
        report.add(SECTION, what, "µs", values(key), base.filter(|_| index > 0));
    }
    Ok(())
}
