//! `cargo xtask check`: exactly what CI checks, in numbered steps, up to the first that fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::process::{self, cargo, succeeds};
use crate::setup::bpf::Toolchain;
use crate::setup::{self, Part};
use crate::workspace::Workspace;
use crate::{build_ebpf, fuzz, say};

/// How a step ended, if it didn't fail.
enum Outcome {
    Passed,
    /// It could not be done here, and why.
    Skipped(&'static str),
}

type Step = (&'static str, fn(&Workspace) -> Result<Outcome>);

const STEPS: &[Step] = &[
    ("lockfiles are up to date", lockfiles),
    ("formatting", formatting),
    ("eBPF programs build", ebpf_build),
    ("eBPF programs' lints", ebpf_lints),
    ("lints", lints),
    ("documentation", documentation),
    ("licences, bans and sources of dependencies", dependencies),
    ("advisories against dependencies", advisories),
];

/// All of them, after what they need is there.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::parts(workspace, &[Part::Ebpf, Part::EbpfLints, Part::Deny])?;
    run_steps(workspace, STEPS)
}

fn run_steps(workspace: &Workspace, steps: &[Step]) -> Result<()> {
    let (started, of) = (Instant::now(), steps.len());
    let mut skipped = 0;
    for (number, (name, step)) in (1..).zip(steps) {
        say::heading(format_args!("[{number}/{of}] {name}"));
        let since = Instant::now();
        let outcome = step(workspace).with_context(|| format!("[{number}/{of}] {name}: FAILED"))?;
        let took = since.elapsed().as_secs_f32();
        match outcome {
            Outcome::Passed => say::good(format_args!("[{number}/{of}] {name}: ok, {took:.1} s")),
            Outcome::Skipped(why) => {
                skipped += 1;
                say::warning(format_args!("[{number}/{of}] {name}: SKIPPED, {why}"));
            }
        }
    }
    let took = started.elapsed().as_secs_f32();
    let passed = of - skipped;
    say::good(format_args!(
        "check: {passed} of {of} steps passed, {skipped} skipped, {took:.1} s"
    ));
    Ok(())
}

/// `cargo xtask` itself would bring the workspace's up to date, so CI also runs it with `--locked`.
fn lockfiles(workspace: &Workspace) -> Result<Outcome> {
    for manifest in manifests(workspace)
        .into_iter()
        .chain(fuzz::manifests(workspace))
    {
        process::run(
            cargo(workspace)
                .args([
                    "metadata",
                    "--locked",
                    "--format-version",
                    "1",
                    "--manifest-path",
                ])
                .arg(manifest)
                .stdout(Stdio::null()),
        )?;
    }
    Ok(Outcome::Passed)
}

fn formatting(workspace: &Workspace) -> Result<Outcome> {
    process::run(cargo(workspace).args(["fmt", "--all", "--check"]))?;
    let apart = std::iter::once(workspace.ebpf_manifest()).chain(fuzz::manifests(workspace));
    for manifest in apart {
        process::run(
            cargo(workspace)
                .args(["fmt", "--check", "--manifest-path"])
                .arg(manifest),
        )?;
    }
    Ok(Outcome::Passed)
}

fn ebpf_build(workspace: &Workspace) -> Result<Outcome> {
    build_ebpf::run(workspace)?;
    Ok(Outcome::Passed)
}

fn ebpf_lints(workspace: &Workspace) -> Result<Outcome> {
    let toolchain = Toolchain::find().context("the eBPF toolchain is still incomplete")?;
    let Some(mut clippy) = toolchain.cargo("clippy")? else {
        return Ok(Outcome::Skipped("the eBPF toolchain here has no clippy"));
    };
    clippy
        .current_dir(workspace.ebpf_programs())
        .args(["--release", "--locked", "--target-dir"]);
    process::run(
        clippy
            .arg(workspace.ebpf_target())
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Outcome::Passed)
}

fn lints(workspace: &Workspace) -> Result<Outcome> {
    process::run(cargo(workspace).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Outcome::Passed)
}

fn documentation(workspace: &Workspace) -> Result<Outcome> {
    process::run(
        cargo(workspace)
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    Ok(Outcome::Passed)
}

fn dependencies(workspace: &Workspace) -> Result<Outcome> {
    let [ours, ebpf] = manifests(workspace);
    process::run(deny(workspace, &ours).args([
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]))?;
    // The list of licences is the workspace's: the few crates here need not use them all.
    process::run(deny(workspace, &ebpf).args([
        "check",
        "--hide-inclusion-graph",
        "--allow",
        "license-not-encountered",
        "licenses",
        "bans",
        "sources",
    ]))?;
    Ok(Outcome::Passed)
}

/// What is known against a dependency changes without a change here, and its database may be out
/// of reach.
fn advisories(workspace: &Workspace) -> Result<Outcome> {
    let [workspace_manifest, _] = manifests(workspace);
    if !succeeds(deny(workspace, &workspace_manifest).args(["fetch", "db"])) {
        return Ok(Outcome::Skipped(
            "their database can't be reached from here",
        ));
    }
    for manifest in manifests(workspace) {
        process::run(deny(workspace, &manifest).args(["check", "--disable-fetch", "advisories"]))?;
    }
    Ok(Outcome::Passed)
}

/// The workspace's, and that of the eBPF programs, which is a workspace of its own.
fn manifests(workspace: &Workspace) -> [PathBuf; 2] {
    [
        workspace.root().join("Cargo.toml"),
        workspace.ebpf_manifest(),
    ]
}

fn deny(workspace: &Workspace, manifest: &Path) -> Command {
    let mut deny = cargo(workspace);
    deny.args(["deny", "--locked", "--manifest-path"])
        .arg(manifest);
    deny.arg("--config").arg(workspace.root().join("deny.toml"));
    deny
}
