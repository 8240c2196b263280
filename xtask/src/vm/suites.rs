//! What is run in a virtual machine: its PID 1 and the test binaries.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Options;
use crate::process::cargo;
use crate::workspace::Workspace;

/// What was built.
#[derive(Debug)]
pub(super) struct Suites {
    pub(super) init: PathBuf,
    pub(super) all: Vec<Suite>,
}

/// A test binary and how it is run.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
}

/// The tests of the crate that talks to the kernel.
const NAMES: [&str; 2] = ["kernel", "bypass"];

/// Builds them as `cargo test` does, but optimised.
pub(super) fn build(workspace: &Workspace, options: &Options) -> Result<Suites> {
    let target_dir = workspace.root().join("target").join("vm").join("cargo");
    let init = built(
        cargo(workspace).args(["build", "--package", "weir-vm-guest"]),
        "weir-vm-guest",
        &target_dir,
    )?;
    let mut all = Vec::new();
    for name in NAMES {
        if options.suite.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut test = cargo(workspace);
        test.args([
            "test",
            "--no-run",
            "--package",
            "weir-intercept",
            "--test",
            name,
        ]);
        // What passed is shown, too: the table of the bypass suite is such.
        let mut args = vec!["--test-threads=1".to_owned(), "--show-output".to_owned()];
        if name == "kernel" {
            args.extend(options.only.iter().cloned());
            args.extend(["--skip".to_owned(), "containers::".to_owned()]);
        }
        all.push(Suite {
            name,
            program: built(&mut test, name, &target_dir)?,
            args,
        });
    }
    if all.is_empty() {
        bail!("there is no such suite; there are: {}", NAMES.join(", "));
    }
    Ok(Suites { init, all })
}

/// The executable of a target that cargo builds.
fn built(cargo: &mut Command, target: &str, target_dir: &Path) -> Result<PathBuf> {
    let output = cargo
        .args(["--message-format", "json-render-diagnostics"])
        // An emulated machine is slow enough. Apart from the workspace's own builds, so that neither
        // undoes the other's.
        .arg("--target-dir")
        .arg(target_dir)
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{target} doesn't build, {}", output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout), target)
        .with_context(|| format!("cargo built no {target}"))
}

/// The executable of this target in cargo's messages, one JSON object a line.
fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message
                .pointer("/target/name")
                .is_some_and(|name| name == target)
        })
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_that_of_the_target() {
        let messages = "noise\n\
            {\"target\":{\"name\":\"other\"},\"executable\":\"/t/other\"}\n\
            {\"target\":{\"name\":\"bypass\"},\"executable\":null}\n\
            {\"target\":{\"name\":\"bypass\"},\"executable\":\"/t/bypass-1\"}\n";
        assert_eq!(
            executable(messages, "bypass"),
            Some(PathBuf::from("/t/bypass-1"))
        );
        assert_eq!(executable(messages, "kernel"), None);
    }
}
