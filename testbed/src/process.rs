//! Run a program as another user, in a cgroup, under a deadline.
//!
//! Job: everything that must happen between fork and exec so that a test's client is what a real
//! agent is (no root, its own cgroup from its very first instruction), and everything after it so
//! that nothing is left running: a process group that is killed as a whole, and death with the
//! test's own process.
//!
//! Not its job: making the cgroup, or judging what the program did.
//!
//! Known limits: a descendant that makes its own session escapes the group's kill (but not a
//! cgroup's, which whoever made the cgroup can use).

mod identity;
mod restrict;
mod running;
mod spawner;

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

pub use identity::Identity;
pub use running::{Output, Running};

use crate::{Error, Result};
use restrict::Restrictions;

/// A program to be run, and how.
///
/// The environment starts empty but for `PATH`, `LANG` and `HOME=/`: a password or a setting of
/// whoever runs the tests must not reach the program by accident. Standard input is empty unless
/// [`stdin`](Spawn::stdin) is given.
#[derive(Debug)]
pub struct Spawn {
    command: Command,
    program: String,
    identity: Option<Identity>,
    cgroup: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    log: Option<File>,
    on_parent_death: Signal,
    deadline: Duration,
}

impl Spawn {
    /// A program by path, or by name on the system's usual `PATH`.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LANG", "C.UTF-8")
            .env("HOME", "/")
            .current_dir("/");
        Self {
            command,
            program: program.to_string_lossy().into_owned(),
            identity: None,
            cgroup: None,
            stdin: None,
            log: None,
            on_parent_death: Signal::SIGKILL,
            deadline: Duration::from_secs(30),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets one variable of the program's environment.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Runs it there rather than in `/`.
    #[must_use]
    pub fn current_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it as another user, without supplementary groups. Needs root.
    #[must_use]
    pub fn as_user(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Puts it into the cgroup (its directory's path) before its first instruction. Needs root, or
    /// a cgroup delegated to the caller.
    #[must_use]
    pub fn in_cgroup(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cgroup = Some(dir.into());
        self
    }

    /// Feeds it these bytes, then end of file.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// How long it may take altogether; 30 seconds unless told.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends both its outputs to a file, instead of keeping them in memory.
    #[must_use]
    pub fn log_to(mut self, file: File) -> Self {
        self.log = Some(file);
        self
    }

    /// The signal it gets when the test's process dies first; SIGKILL unless told.
    #[must_use]
    pub fn on_parent_death(mut self, signal: Signal) -> Self {
        self.on_parent_death = signal;
        self
    }

    /// Starts it, and hands over what watches it. Dropping that kills the whole process group.
    pub fn start(self) -> Result<Running> {
        let Self {
            mut command,
            program,
            identity,
            cgroup,
            stdin,
            log,
            on_parent_death,
            deadline,
        } = self;
        let failed = |source| Error::Start {
            program: program.clone(),
            source,
        };

        command.stdin(if stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        if let Some(log) = log {
            command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        } else {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        command.process_group(0);
        let cgroup = cgroup.map(|dir| open_procs(&dir)).transpose()?;
        Restrictions::new(cgroup, identity, on_parent_death).install(&mut command);

        let child = spawner::spawn(command).map_err(failed)?;
        Running::watch(child, program.clone(), stdin, deadline).map_err(failed)
    }

    /// Starts it and waits until it has ended, well or not.
    pub fn run(self) -> Result<Output> {
        self.start()?.wait()
    }

    /// As [`run`](Spawn::run), but anything but success is [`Error::Failed`].
    pub fn run_ok(self) -> Result<Output> {
        let program = self.program.clone();
        let output = self.run()?;
        if output.status.success() {
            Ok(output)
        } else {
            Err(Error::Failed {
                program,
                status: output.status,
                stderr: output.stderr_text(),
            })
        }
    }

    /// The program and its arguments, for a message.
    #[must_use]
    pub fn command_line(&self) -> Vec<OsString> {
        std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(OsStr::to_owned)
            .collect()
    }
}

/// Opened by the parent, whose right to move processes is what counts, not the child's.
fn open_procs(cgroup: &Path) -> Result<File> {
    let procs = cgroup.join("cgroup.procs");
    OpenOptions::new()
        .write(true)
        .open(&procs)
        .map_err(|source| Error::File {
            doing: "open",
            path: procs,
            source,
        })
}
