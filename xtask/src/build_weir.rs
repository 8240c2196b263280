//! Building the weir binary.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::build_ebpf;
use crate::process::cargo;
use crate::say;
use crate::workspace::Workspace;

/// How it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the tests build it: what is built for one is there for the other.
    Tests,
    /// As it is released.
    Release,
}

/// Builds it, and says where it is.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let mut args = vec!["build", "--package", "weir-agent", "--bin", "weir"];
    if profile == Profile::Release {
        args.push("--release");
    }
    say::command(format_args!("cargo {}", args.join(" ")));
    let output = cargo(workspace)
        .args(args)
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("weir doesn't build, {}", output.status);
    }
    build_ebpf::executable(&String::from_utf8_lossy(&output.stdout))
        .context("cargo built weir and didn't say where it is")
}
