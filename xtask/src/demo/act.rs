//! Running one command to its end, both its outputs in one stream as on a terminal.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::ExitStatus;
use std::time::Duration;

use anstream::adapter::strip_str;
use anyhow::{Context as _, Result};
use testbed::Spawn;

use super::places::Who;
use super::screen;
use super::typed::typed;
use crate::interrupt;

/// The most that is kept of what a command says, in bytes.
const OUTPUT_LIMIT: u64 = 4 << 20;
/// How often a running command is looked up from, to see whether an end was asked for.
const GLANCE: Duration = Duration::from_millis(50);

/// What a command said, without colour, and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) status: ExitStatus,
}

/// Shows the command, runs it, and shows what it says. `input` is what the shell would be told of
/// its standard input.
pub(super) fn shown(who: Who, spawn: Spawn, input: &str) -> Result<Said> {
    screen::typed(
        who.prompt(),
        &format!("{}{input}", typed(&spawn.command_line())),
    );
    let (text, status) = run(spawn)?;
    screen::output(&text);
    Ok(Said {
        text: strip_str(&text).to_string(),
        status,
    })
}

fn run(spawn: Spawn) -> Result<(String, ExitStatus)> {
    let file = || -> Result<(File, File)> {
        let file = tempfile::tempfile()?;
        Ok((file.try_clone()?, file))
    };
    let (theirs, mut ours) = file().context("cannot make a temporary file")?;
    let running = spawn.log_to(theirs).start()?;
    while !running.wait_until(running.age() + GLANCE)? {
        // Dropped, it is killed.
        interrupt::check()?;
    }
    let output = running.wait()?;
    ours.rewind().context("cannot read what the command said")?;
    let mut bytes = Vec::new();
    ours.take(OUTPUT_LIMIT)
        .read_to_end(&mut bytes)
        .context("cannot read what the command said")?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), output.status))
}
