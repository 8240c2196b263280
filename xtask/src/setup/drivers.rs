//! The drivers whose own test suites and programs are run through weir.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::python;
use crate::process::{find_program, run};
use crate::workspace::Workspace;

/// Debian's JDBC driver.
pub(crate) const JDBC: &str = "/usr/share/java/postgresql.jar";
/// What says which versions there are, in `testbed/drivers`.
const PINS: [&str; 4] = [
    "requirements.txt",
    "fetch.py",
    "package.json",
    "package-lock.json",
];

/// Whether Java and its driver are there.
pub(super) fn has_java() -> bool {
    find_program("javac").is_some() && Path::new(JDBC).exists()
}

/// Whether the rest is there, with these versions.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    let (from, to) = (workspace.drivers(), testbed::drivers_dir());
    PINS.iter().all(|name| {
        matches!(
            (fs::read(from.join(name)), fs::read(to.join(name))),
            (Ok(wanted), Ok(got)) if wanted == got
        )
    })
}

/// Makes it anew.
pub(super) fn install(workspace: &Workspace) -> Result<()> {
    let (from, to) = (workspace.drivers(), testbed::drivers_dir());
    if to.exists() {
        fs::remove_dir_all(&to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    let node = to.join("node");
    fs::create_dir_all(&node).with_context(|| format!("cannot make {}", node.display()))?;
    let python = python::environment(&to.join("venv"), &from.join("requirements.txt"))?;
    run(Command::new(python).arg(from.join("fetch.py")).arg(&to))?;
    for name in ["package.json", "package-lock.json"] {
        copy(&from.join(name), &node.join(name))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&node))?;
    // Written last: what has them is complete.
    PINS.iter()
        .try_for_each(|name| copy(&from.join(name), &to.join(name)))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("cannot write {}", to.display()))
        .map(drop)
}
