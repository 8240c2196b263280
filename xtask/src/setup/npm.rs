//! The OpenID Connect provider that the tests start, from npm.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{find_program, run};
use crate::workspace::Workspace;

const LOCK: &str = "package-lock.json";

/// Whether Node is there.
pub(super) fn has_node() -> bool {
    !["node", "npm"].map(find_program).contains(&None)
}

/// Whether it is there, with these versions.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    let wanted = fs::read(workspace.oidc_provider().join(LOCK));
    let got = fs::read(testbed::oidc_dir().join("node_modules").join(LOCK));
    has_node() && matches!((wanted, got), (Ok(wanted), Ok(got)) if wanted == got)
}

/// Makes it anew.
pub(super) fn install(workspace: &Workspace) -> Result<()> {
    let (from, to) = (workspace.oidc_provider(), testbed::oidc_dir());
    fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
    for name in ["package.json", LOCK] {
        copy(&from.join(name), &to.join(name))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&to))?;
    // Written last: what has it is complete.
    copy(&from.join(LOCK), &to.join("node_modules").join(LOCK))
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("cannot write {}", to.display()))
        .map(drop)
}
