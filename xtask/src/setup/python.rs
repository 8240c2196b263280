//! The Python environment with the database drivers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::run;
use crate::workspace::Workspace;

/// The distribution's own: one from elsewhere may lie where the user that a test runs as can't go.
const PYTHON: &str = "/usr/bin/python3";
/// A copy of the requirements, written last: an environment with it is complete.
const STAMP: &str = "weir-requirements.txt";

/// Whether the distribution's interpreter is there.
pub(super) fn is_installed() -> bool {
    Path::new(PYTHON).exists()
}

/// Whether it is there, with these versions.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    let wanted = fs::read(workspace.python_requirements());
    let got = fs::read(testbed::venv_dir().join(STAMP));
    testbed::venv().is_ok() && matches!((wanted, got), (Ok(wanted), Ok(got)) if wanted == got)
}

/// Makes it anew.
pub(super) fn install(workspace: &Workspace) -> Result<()> {
    let (venv, requirements) = (testbed::venv_dir(), workspace.python_requirements());
    environment(&venv, &requirements)?;
    stamp(&requirements, &venv.join(STAMP))
}

/// Makes an environment with these packages anew, and says where its interpreter is.
pub(super) fn environment(venv: &Path, requirements: &Path) -> Result<PathBuf> {
    run(Command::new(PYTHON)
        .args(["-m", "venv", "--clear"])
        .arg(venv))?;
    let python = venv.join("bin").join("python3");
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements))?;
    Ok(python)
}

/// Whether PostgreSQL's regression suite is there.
pub(super) fn has_regression_suite() -> bool {
    testbed::regression_suite().is_ok()
}

/// Fetches it.
pub(super) fn fetch_regression_suite(workspace: &Workspace) -> Result<()> {
    run(
        Command::new(testbed::venv_dir().join("bin").join("python3"))
            .arg(workspace.regression_suite_fetcher())
            .arg(testbed::regression_suite_dir()),
    )
}

fn stamp(requirements: &Path, stamp: &Path) -> Result<()> {
    fs::copy(requirements, stamp)
        .with_context(|| format!("cannot write {}", stamp.display()))
        .map(drop)
}
