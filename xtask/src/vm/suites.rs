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
    /// `NAME=value`, without spaces.
    pub(super) variables: Vec<String>,
    pub(super) args: Vec<String>,
}

/// The tests of the crate that talks to the kernel.
const NAMES: [&str; 2] = ["kernel", "bypass"];

/// Builds them as `cargo test` does.
pub(super) fn build(workspace: &Workspace, options: &Options) -> Result<Suites> {
    let apart = options
        .optimised
        .then(|| workspace.root().join("target").join("vm").join("cargo"));
    let init = built(
        cargo(workspace).args(["build", "--package", "weir-vm-guest"]),
        "weir-vm-guest",
        apart.as_deref(),
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
        let mut variables = Vec::new();
        let mut args = vec!["--test-threads=1".to_owned(), "--show-output".to_owned()];
        if name == "kernel" {
            args.extend(options.only.iter().cloned());
            args.extend(["--skip".to_owned(), "containers::".to_owned()]);
        }
        if name == "bypass"
            && let Some(word) = &options.vector
        {
            variables.push(format!("WEIR_VECTOR={word}"));
            args.push("no_way_around".to_owned());
            args.push("--exact".to_owned());
        }
        all.push(Suite {
            variables,
            name,
            program: built(&mut test, name, apart.as_deref())?,
            args,
        });
    }
    if all.is_empty() {
        bail!("there is no such suite; there are: {}", NAMES.join(", "));
    }
    Ok(Suites { init, all })
}

/// The executable of a target that cargo builds.
fn built(cargo: &mut Command, target: &str, apart: Option<&Path>) -> Result<PathBuf> {
    if let Some(target_dir) = apart {
        // So that neither build undoes the other's.
        cargo
            .arg("--target-dir")
            .arg(target_dir)
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    let output = cargo
        .args(["--message-format", "json-render-diagnostics"])
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
