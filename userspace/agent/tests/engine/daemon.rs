//! `weir daemon`, as a process.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use testbed::{Running, Spawn};
use weir_intercept::cgroup::Cgroup;

pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// A daemon of its own instance, lifted when dropped.
pub(crate) struct Daemon {
    running: Option<Running>,
    config: PathBuf,
    socket: PathBuf,
    instance: String,
    pub(crate) cgroup: Cgroup,
}

impl Daemon {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(config: &Path, name: &str, socket: &Path) -> Self {
        let running = begin(config, name);
        let cgroup = Cgroup::resolve(format!("/{name}")).unwrap();
        let daemon = Self {
            running: Some(running),
            config: config.to_owned(),
            socket: socket.to_owned(),
            instance: name.to_owned(),
            cgroup,
        };
        daemon.listens();
        daemon
    }

    /// Kills it, and starts it anew.
    pub(crate) fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::SIGKILL).unwrap();
            running.wait().unwrap();
        }
        self.running = Some(begin(&self.config, &self.instance));
        self.listens();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.running.as_ref().unwrap().signal(signal).unwrap();
    }

    fn listens(&self) {
        let socket = &self.socket;
        for _ in 0..600 {
            if UnixStream::connect(socket).is_ok() {
                // It listens before it has begun, and answers once it has.
                let status = Spawn::new(WEIR).args(["status", "--socket"]).arg(socket);
                let status = status.deadline(Duration::from_secs(60)).run().unwrap();
                assert!(status.status.success(), "{}", status.stderr_text());
                return;
            }
            let ended = self.running.as_ref().unwrap().has_ended();
            assert!(!ended.unwrap(), "the daemon doesn't start");
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the daemon doesn't answer");
    }
}

fn begin(config: &Path, instance: &str) -> Running {
    Spawn::new(WEIR)
        .args(["daemon", "--instance", instance, "--config"])
        .arg(config)
        .env("NO_COLOR", "1")
        .deadline(Duration::from_secs(300))
        .start()
        .unwrap()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.cgroup.kill_all().ok();
        drop(self.running.take());
        weir_intercept::uninstall(&Path::new("/sys/fs/bpf/weir").join(&self.instance)).ok();
        self.cgroup.remove().ok();
    }
}
