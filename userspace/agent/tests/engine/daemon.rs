//! `weir daemon`, as a process.

use std::{os::unix::net::UnixStream, path::Path, thread, time::Duration};

use nix::sys::signal::Signal;
use testbed::{Running, Spawn};
use weir_intercept::cgroup::Cgroup;

pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// A daemon of its own instance, lifted when dropped.
pub(crate) struct Daemon {
    running: Option<Running>,
    instance: String,
    pub(crate) cgroup: Cgroup,
}

impl Daemon {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(config: &Path, name: &str, socket: &Path) -> Self {
        let running = Spawn::new(WEIR)
            .args([
                "daemon",
                "--instance",
                name,
                "--config",
                config.to_str().unwrap(),
            ])
            .env("NO_COLOR", "1")
            .deadline(Duration::from_secs(300))
            .start()
            .unwrap();
        let cgroup = Cgroup::resolve(format!("/{name}")).unwrap();
        let daemon = Self {
            running: Some(running),
            instance: name.to_owned(),
            cgroup,
        };
        daemon.listens(socket);
        daemon
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.running.as_ref().unwrap().signal(signal).unwrap();
    }

    fn listens(&self, socket: &Path) {
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

impl Drop for Daemon {
    fn drop(&mut self) {
        self.cgroup.kill_all().ok();
        drop(self.running.take());
        weir_intercept::uninstall(&Path::new("/sys/fs/bpf/weir").join(&self.instance)).ok();
        self.cgroup.remove().ok();
    }
}
