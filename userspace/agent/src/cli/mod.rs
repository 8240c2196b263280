//! The command line: `weir`.
//!
//! Job: turn arguments into calls of the other rooms, and what they hand back into words for a
//! person or JSON for a program. Not its job: deciding anything.
//!
//! Everything printed passes through [`line::Line`], which lets no control character of a record,
//! peer or file reach the terminal.

mod access;
mod approvals;
mod args;
mod configuration;
mod daemon;
mod diagnostics;
mod doctor;
mod error;
mod escape;
mod handover;
mod identity;
mod line;
mod log;
mod login;
mod moment;
mod notify;
mod out;
mod policy;
mod profiles;
mod run;
mod runtime;
mod sessions;
mod status;
mod table;
mod uninstall;

use std::{io, process::ExitCode};

use clap::Parser as _;
use nix::unistd::geteuid;

use self::{
    args::{Cli, Command},
    error::{CliError, Exit},
    line::{Line, Tone},
    out::Out,
};

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli.command) {
        Ok(exit) => exit,
        Err(error) if error.is_closed_pipe() => Exit::Ok.into(),
        Err(error) => {
            // Where not even this can be said, the exit code has to do.
            explain(&error, &mut Out::stderr()).ok();
            error.exit()
        }
    }
}

fn dispatch(command: &Command) -> Result<ExitCode, CliError> {
    let mut out = Out::stdout();
    match command {
        Command::Daemon(daemon) => daemon::run(daemon)?,
        Command::Run(command) => return Ok(ExitCode::from(run::run(command)?)),
        Command::Sessions(sessions) => sessions::run(sessions, &mut out)?,
        Command::Approvals(approvals) => approvals::run(approvals, &mut out)?,
        Command::Policy(policy) => policy::run(policy, &mut out)?,
        Command::Login(asked) => login::run(asked, &mut out)?,
        Command::Logout(asked) => login::logout(asked, &mut out)?,
        Command::Whoami(asked) => login::whoami(asked, &mut out)?,
        Command::Identity(identity) => identity::run(identity, &mut out)?,
        Command::Access(asked) => access::run(asked, &mut out)?,
        Command::Profiles(asked) => profiles::run(asked, &mut out)?,
        Command::Status(status) => status::run(status, &mut out)?,
        Command::Doctor(doctor) => doctor::run(doctor, &mut out)?,
        Command::Uninstall(uninstall) => uninstall::run(uninstall, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::Ok.into())
}

/// `weir: …`, then the way out. Findings have a form of their own, line by line.
fn explain(error: &CliError, out: &mut Out) -> io::Result<()> {
    let text = error.to_string();
    if error.is_findings() {
        diagnostics::print(&text, out)?;
    } else {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        out.line(&Line::of(Tone::Bad, "weir: ").text(first))?;
        lines.try_for_each(|line| out.block(Tone::Plain, "  ", line))?;
    }
    if let Some(help) = error.help() {
        out.line(&Line::of(Tone::Dim, "help: ").text(help))?;
    }
    out.flush()
}

/// What loads programs or changes cgroups says so before it touches anything.
fn need_root(what: &'static str) -> Result<(), CliError> {
    if geteuid().is_root() {
        Ok(())
    } else {
        Err(CliError::NotRoot { what })
    }
}
