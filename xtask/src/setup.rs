//! What a machine lacks for building, checking and testing weir, and getting it there.
//!
//! Job: look first, say what will be installed and why, then install only that. Looking takes
//! milliseconds, so every command does it.
//!
//! Not its job: rustup, the C compiler and the package manager themselves.
//!
//! Known limits: packages are installed with apt; elsewhere it says what is missing.

mod apt;
pub(crate) mod bpf;
mod drivers;
mod install;
mod need;
mod npm;
mod python;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Result, bail};

use crate::say;
use crate::workspace::Workspace;
pub(crate) use drivers::JDBC;
use need::Need;
pub(crate) use need::{HAPROXY, PGBOUNCER, Part};

/// `cargo xtask setup`: all parts, asking first unless told not to or nobody is there to ask.
pub(crate) fn everything(workspace: &Workspace, yes: bool) -> Result<()> {
    let needs = Need::find(workspace, Part::ALL)?;
    if needs.is_empty() {
        say::good("everything that weir needs is here");
        return Ok(());
    }
    announce(&needs);
    if !yes && io::stdin().is_terminal() && !confirmed()? {
        bail!("nothing was installed");
    }
    install::install(workspace, &needs)
}

/// The parts that a command is about to use. Silent if nothing is missing.
pub(crate) fn parts(workspace: &Workspace, parts: &[Part]) -> Result<()> {
    let needs = Need::find(workspace, parts)?;
    if needs.is_empty() {
        return Ok(());
    }
    announce(&needs);
    install::install(workspace, &needs)
}

fn announce(needs: &[Need]) {
    say::heading("weir needs these, and will install them:");
    for need in needs {
        say::line(format_args!("  {need}"));
    }
}

fn confirmed() -> Result<bool> {
    write!(anstream::stderr(), "go on? [Y/n] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    // End of input is not consent.
    Ok(matches!(answer.as_str(), "\n" | "y\n" | "Y\n" | "yes\n"))
}
