//! The server's process: its start, the moment it is ready, its end.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::SERVER;
use super::directory::Directory;
use super::installation::Installation;
use super::settings::Listen;
use crate::process::Running;
use crate::{Error, Result};

/// Generous: the machine may be building something at the same time.
const READY_WITHIN: Duration = Duration::from_secs(30);
const STOPPED_WITHIN: Duration = Duration::from_secs(15);
/// How long the server is given before its children are killed one by one.
const GRACE: Duration = Duration::from_millis(300);
const POLL: Duration = Duration::from_millis(5);
const LOG_TAIL_LINES: usize = 20;

/// A server's process. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    /// `None` once it has been stopped.
    running: Option<Running>,
    pid: Pid,
}

/// How a start went, short of an error.
pub(super) enum Started {
    Ready(Server),
    /// Somebody else took the port since it was found free.
    PortTaken,
}

impl Server {
    /// Writes its configuration, starts it, and waits until it accepts connections.
    pub(super) fn start(
        installation: &Installation,
        directory: &Directory,
        listen: &Listen<'_>,
    ) -> Result<Started> {
        let data = directory.data();
        directory.write_private(&data.join("postgresql.conf"), &listen.conf())?;
        directory.write_private(&data.join("pg_hba.conf"), &listen.hba())?;
        // An earlier try's would say "ready" for this one.
        fs::remove_file(data.join("postmaster.pid")).ok();
        let running = installation
            .program("postgres")
            .arg("-D")
            .arg(data)
            .log_to(directory.new_log()?)
            // Immediate shutdown: the server takes its own children with it.
            .on_parent_death(Signal::SIGQUIT)
            .deadline(Duration::MAX)
            .start()?;
        let server = Self {
            pid: running.pid(),
            running: Some(running),
        };

        while !server.has_ended()? {
            if is_ready(directory) {
                // It is content with one of two addresses; its caller is not.
                return Ok(if could_not_bind(directory) {
                    Started::PortTaken
                } else {
                    Started::Ready(server)
                });
            }
            if server
                .running
                .as_ref()
                .is_none_or(|running| running.age() > READY_WITHIN)
            {
                break;
            }
            thread::sleep(POLL);
        }
        if could_not_bind(directory) {
            return Ok(Started::PortTaken);
        }
        Err(Error::NotReady {
            server: SERVER,
            after: READY_WITHIN,
            log: log_tail(directory),
        })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Stops it at once: nothing of it is to be kept.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end(Signal::SIGQUIT)
    }

    /// Stops it in good order, its data complete on disk.
    pub(super) fn stop_cleanly(mut self) -> Result<()> {
        self.end(Signal::SIGINT)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        if !running.has_ended()? {
            running.signal(signal)?;
        }
        let signalled = running.age();
        while running.age() < signalled + STOPPED_WITHIN {
            if running.wait_until(running.age() + GRACE)? {
                return Ok(());
            }
            if signal == Signal::SIGQUIT {
                kill_children(self.pid);
            }
        }
        Err(Error::Deadline {
            program: SERVER.to_owned(),
            after: STOPPED_WITHIN,
        })
    }

    fn has_ended(&self) -> Result<bool> {
        self.running.as_ref().map_or(Ok(true), Running::has_ended)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Signal::SIGQUIT).ok();
    }
}

/// A connection that arrives in the moment of the signal gets a child that the server has not told
/// to quit; it waits for that child, and the child for its client.
fn kill_children(server: Pid) {
    let list = format!("/proc/{server}/task/{server}/children");
    for child in fs::read_to_string(list)
        .unwrap_or_default()
        .split_whitespace()
    {
        if let Ok(child) = child.parse() {
            kill(Pid::from_raw(child), Signal::SIGKILL).ok();
        }
    }
}

/// The eighth line of `postmaster.pid` is the server's state; `pg_ctl` waits for the same word.
fn is_ready(directory: &Directory) -> bool {
    fs::read_to_string(directory.data().join("postmaster.pid")).is_ok_and(|pid_file| {
        pid_file
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
    })
}

fn could_not_bind(directory: &Directory) -> bool {
    fs::read_to_string(directory.log())
        .is_ok_and(|log| log.contains("could not bind") && log.contains("Address already in use"))
}

fn log_tail(directory: &Directory) -> String {
    let log = fs::read_to_string(directory.log()).unwrap_or_default();
    let skipped = log.lines().count().saturating_sub(LOG_TAIL_LINES);
    log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}
