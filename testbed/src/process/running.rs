//! A started process: its output, its end, and the end of its process group.

use std::io::{self, Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::{Error, Result};

/// The most that is kept of each output, in bytes.
const OUTPUT_LIMIT: u64 = 64 << 20;

/// How often an unfinished process is looked at.
const POLL: Duration = Duration::from_millis(3);

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub struct Output {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

type Captured = Receiver<io::Result<Vec<u8>>>;

/// A process that was started. Dropping it kills its whole process group and waits for it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    program: String,
    stdout: Option<Captured>,
    stderr: Option<Captured>,
    since: Instant,
    deadline: Duration,
    reaped: bool,
}

impl Running {
    pub(super) fn watch(
        mut child: Child,
        program: String,
        stdin: Option<Vec<u8>>,
        deadline: Duration,
    ) -> io::Result<Self> {
        if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
            // A program that doesn't read all its input is not an error of this side.
            thread::Builder::new().spawn(move || pipe.write_all(&bytes).ok())?;
        }
        let stdout = child.stdout.take().map(capture).transpose()?;
        let stderr = child.stderr.take().map(capture).transpose()?;
        Ok(Self {
            child,
            program,
            stdout,
            stderr,
            since: Instant::now(),
            deadline,
            reaped: false,
        })
    }

    /// Its process id, also the id of its process group.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Sends it a signal: the process alone, not its group.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.pid(), signal).map_err(|errno| self.lost(errno.into()))
    }

    /// Whether it has ended. The process stays to be waited for.
    pub fn has_ended(&self) -> Result<bool> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            match waitid(Id::Pid(self.pid()), flags) {
                Ok(WaitStatus::StillAlive) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.lost(errno.into())),
            }
        }
    }

    /// Waits for its end, until its deadline at most, then ends what is left of its group.
    pub fn wait(mut self) -> Result<Output> {
        let ended = self.wait_until(self.deadline);
        // Dead but not yet reaped, its id can't belong to anybody else: killing by it is safe.
        let status = self.end_group()?;
        if !ended? {
            return Err(Error::Deadline {
                program: self.program.clone(),
                after: self.deadline,
            });
        }
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        Ok(Output {
            status,
            stdout: self.collect(stdout)?,
            stderr: self.collect(stderr)?,
        })
    }

    /// Waits until it has ended or this much time has passed since its start; says whether it did.
    pub fn wait_until(&self, since_start: Duration) -> Result<bool> {
        loop {
            if self.has_ended()? {
                return Ok(true);
            }
            if self.since.elapsed() >= since_start {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
    }

    /// How long ago it was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Kills its group and waits for it.
    fn end_group(&mut self) -> Result<ExitStatus> {
        match killpg(self.pid(), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(self.lost(errno.into())),
        }
        let status = self.child.wait().map_err(|source| self.lost(source))?;
        self.reaped = true;
        Ok(status)
    }

    fn collect(&self, captured: Option<Captured>) -> Result<Vec<u8>> {
        let Some(captured) = captured else {
            return Ok(Vec::new());
        };
        // The group is dead, so the pipe is closed, unless a descendant left the group with it.
        let patience = self
            .deadline
            .saturating_sub(self.age())
            .max(Duration::from_secs(1));
        match captured.recv_timeout(patience) {
            Ok(Ok(bytes)) if u64::try_from(bytes.len()).is_ok_and(|len| len <= OUTPUT_LIMIT) => {
                Ok(bytes)
            }
            Ok(Ok(_)) => Err(Error::OutputTooLong {
                program: self.program.clone(),
                limit: OUTPUT_LIMIT,
            }),
            Ok(Err(source)) => Err(self.lost(source)),
            Err(RecvTimeoutError::Timeout) => Err(Error::Deadline {
                program: self.program.clone(),
                after: self.deadline,
            }),
            Err(RecvTimeoutError::Disconnected) => {
                Err(self.lost(io::Error::other("the thread that reads its output is gone")))
            }
        }
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::Lost {
            program: self.program.clone(),
            source,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once reaped, its id may be somebody else's.
        if !self.reaped {
            self.end_group().ok();
        }
    }
}

/// Reads a pipe to its end on a thread of its own, one byte past the limit at most.
fn capture(pipe: impl Read + Send + 'static) -> io::Result<Captured> {
    let (done, captured) = sync_channel(1);
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes);
        done.send(read.map(|_| bytes)).ok();
    })?;
    Ok(captured)
}
