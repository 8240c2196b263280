//! `cargo xtask demo`: a real agent's psql behind weir, each promise shown and checked.
//!
//! Job: start a throwaway PostgreSQL and a weir that governs one cgroup, run an unmodified psql in
//! it as a user without rights and without a password, print what it and weir really say, check
//! each claim against what really happened in the database, and leave nothing behind.
//!
//! Not its job: testing weir's corners (its tests do). Whatever is checked here can also be seen.
//!
//! Known limits: one demo on a host at a time, and none where a weir daemon already enforces: a
//! daemon is one a host. Killed by SIGKILL it leaves its cgroup governed and its directory behind;
//! the next one says so and what to do.

mod act;
mod bait;
mod clear;
mod keep;
mod places;
mod play;
mod prepare;
mod report;
mod rows;
mod scenes;
mod screen;
mod stage;
mod strike;
mod typed;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::interrupt;
use crate::workspace::Workspace;
use play::Play;
use stage::Stage;

/// How the demo is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave everything up at the end, and say how to try it by hand
    #[arg(long)]
    keep: bool,
    /// The weir that was built already: how the part that needs root is called
    #[arg(long, hide = true, value_name = "PATH")]
    built: Option<PathBuf>,
}

/// Builds what it needs as whoever calls, then plays it as root.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let weir = match &options.built {
        Some(weir) => weir.clone(),
        None => prepare::weir(workspace, options.keep)?,
    };
    play(&weir, options.keep)
}

/// All of it, as root. Once the stage stands it is struck, whatever happens.
fn play(weir: &Path, keep: bool) -> Result<()> {
    interrupt::watch()?;
    let mut play = Play::new(Stage::raise(weir)?);
    let played = scenes::all(&mut play);
    let kept = if keep && played.is_ok() {
        play.report.table();
        keep::up(&play)
    } else {
        Ok(())
    };
    interrupt::turn_deaf();
    if played.is_ok() {
        scenes::last(&mut play);
    }
    let report = strike::all(play);
    report.table();
    played.and(kept)?;
    report.verdict()
}
