//! A weir that is played with: its daemon, and its command line.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use testbed::{Running, Spawn};

use crate::{interrupt, say};

/// Below it each daemon pins what enforces.
const PINS: &str = "/sys/fs/bpf/weir";
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
/// How much of the daemon's log is told when it fails.
const LOG_TAIL_LINES: usize = 20;

/// A daemon. Stopped, and its enforcement lifted, when dropped.
#[derive(Debug)]
pub(crate) struct Weir {
    binary: PathBuf,
    instance: String,
    config: PathBuf,
    cgroup: PathBuf,
    /// What it has pinned, which enforces without it.
    pins: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    /// `None` once it has been stopped.
    running: Option<Running>,
    pid: Pid,
    lifted: bool,
}

/// Its files, in a directory of whoever plays.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) config: &'a Path,
    pub(crate) socket: &'a Path,
    pub(crate) log: &'a Path,
}

impl Weir {
    /// Starts it in this cgroup, and waits until it answers. Refuses where a daemon of this name
    /// enforces already, alive or not: this one would take that over, and lift it at its end.
    pub(crate) fn start(
        binary: &Path,
        instance: &str,
        files: &Files<'_>,
        cgroup: &Path,
    ) -> Result<Self> {
        let pins = Path::new(PINS).join(instance);
        if pins.exists() {
            bail!(
                "a weir daemon enforces on this host already ({}), and this one would lift that at \
                 its end; stop it and run `{} uninstall` first",
                pins.display(),
                binary.display()
            );
        }
        File::create_new(files.log).context("cannot make the daemon's log")?;
        let mut weir = Self {
            binary: binary.to_owned(),
            instance: instance.to_owned(),
            config: files.config.to_owned(),
            cgroup: cgroup.to_owned(),
            pins,
            socket: files.socket.to_owned(),
            log: files.log.to_owned(),
            pid: Pid::from_raw(0),
            running: None,
            lifted: false,
        };
        weir.run()?;
        Ok(weir)
    }

    /// Starts its process, and waits until it answers.
    fn run(&mut self) -> Result<()> {
        let log = OpenOptions::new()
            .append(true)
            .open(&self.log)
            .context("cannot open the daemon's log")?;
        let running = Spawn::new(&self.binary)
            .args([
                OsStr::new("daemon"),
                OsStr::new("--instance"),
                OsStr::new(&self.instance),
                OsStr::new("--config"),
                self.config.as_os_str(),
            ])
            .in_cgroup(&self.cgroup)
            // In good order, if whoever plays is killed.
            .on_parent_death(Signal::SIGTERM)
            .deadline(Duration::MAX)
            .log_to(log)
            .start()?;
        self.pid = running.pid();
        self.running = Some(running);
        self.wait_until_it_answers()
    }

    /// Kills it, as `kill -9` does, and starts it again at once. Its enforcement stays meanwhile.
    pub(crate) fn kill_and_start(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.signal(Signal::SIGKILL)?;
            running.wait()?;
        }
        self.run()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The program.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The socket of its API.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> Result<String> {
        fs::read_to_string(&self.log).context("cannot read the daemon's log")
    }

    /// One of its commands, speaking to this daemon.
    pub(crate) fn command(&self, args: &[&str]) -> Spawn {
        let colour = if say::is_coloured() {
            "CLICOLOR_FORCE"
        } else {
            "NO_COLOR"
        };
        Spawn::new(&self.binary)
            .args(args)
            .env("WEIR_SOCKET", &self.socket)
            .env(colour, "1")
    }

    /// What one of its listings says as JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Result<serde_json::Value> {
        let output = self.command(args).arg("--json").run_ok()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`weir {} --json` printed no JSON", args.join(" ")))
    }

    /// Asks it to stop and waits until it has, as a service manager does. Its enforcement stays.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        if !running.has_ended()? {
            running.signal(Signal::SIGTERM)?;
        }
        if !running.wait_until(running.age() + STOPPED_WITHIN)? {
            bail!(
                "weir did not stop within {STOPPED_WITHIN:?} and was killed; {}",
                self.log_tail()
            );
        }
        let status = running.wait()?.status;
        if !status.success() {
            bail!("weir ended badly, {status}; {}", self.log_tail());
        }
        Ok(())
    }

    /// What it has pinned, which enforces without it.
    pub(crate) fn pins(&self) -> &Path {
        &self.pins
    }

    /// Lifts its enforcement by unpinning it. `weir uninstall` would lift every other weir's too.
    pub(crate) fn lift(&mut self) -> Result<()> {
        self.lifted = true;
        match fs::remove_dir_all(&self.pins) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.pins.display()))
            }
            _ => Ok(()),
        }
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let running = self.running.as_ref().context("weir was stopped")?;
        while !self.command(&["status"]).run()?.status.success() {
            interrupt::check()?;
            if running.has_ended()? {
                bail!("weir ended right after its start; {}", self.log_tail());
            }
            if running.age() > READY_WITHIN {
                bail!(
                    "weir did not answer within {READY_WITHIN:?}; {}",
                    self.log_tail()
                );
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn log_tail(&self) -> String {
        let log = self.log().unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(LOG_TAIL_LINES);
        let tail: Vec<&str> = log.lines().skip(skipped).collect();
        format!("its log ends:\n{}", tail.join("\n"))
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        self.stop().ok();
        if !self.lifted {
            self.lift().ok();
        }
    }
}

/// Writes a file that only its owner may read, as weir demands of its own.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
