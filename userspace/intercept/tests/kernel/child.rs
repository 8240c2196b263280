//! Agents as processes: started in a cgroup, without root, and listened to.

use std::{collections::HashMap, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};
use weir_intercept::cgroup::Cgroup;

use crate::SOON;

/// A child process that runs one task of [`crate::agent`].
pub(crate) struct Agent {
    task: String,
    args: String,
    cgroup: Option<Cgroup>,
    root: bool,
}

impl Agent {
    /// In the tests' own cgroup and without root, unless said otherwise.
    pub(crate) fn new(task: &str, args: &[&str]) -> Self {
        Self {
            task: task.to_owned(),
            args: args.join(" "),
            cgroup: None,
            root: false,
        }
    }

    pub(crate) fn within(mut self, cgroup: &Cgroup) -> Self {
        self.cgroup = Some(cgroup.clone());
        self
    }

    pub(crate) fn with_root(mut self) -> Self {
        self.root = true;
        self
    }

    pub(crate) fn spawn(self) -> Running {
        // Not by its path, which an agent without root may not be able to reach.
        let mut command = Command::new("/proc/self/exe");
        command
            .args([
                "--exact",
                "--ignored",
                "agent::process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("WEIR_TEST_TASK", &self.task)
            .env("WEIR_TEST_ARGS", &self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        enter(&mut command, self.cgroup.as_ref(), self.root);
        let mut child = command.spawn().expect("the test binary starts again");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Running { child, stdout }
    }

    /// Runs it to its end.
    pub(crate) async fn report(self) -> Report {
        self.spawn().report().await
    }
}

/// Has a command start in a cgroup, and without root unless it is to keep it.
pub(crate) fn enter(command: &mut Command, cgroup: Option<&Cgroup>, root: bool) {
    let procs = cgroup.map(|cgroup| {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(cgroup.path().join("cgroup.procs"))
            .expect("the cgroup exists");
        (file, "0")
    });
    let enter = move || {
        if let Some((file, own)) = &procs {
            nix::unistd::write(file, own.as_bytes())?;
        }
        if !root {
            nix::unistd::setgroups(&[])?;
            nix::unistd::setgid(NOBODY.into())?;
            nix::unistd::setuid(NOBODY.into())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec, only system calls that allocate nothing.
    unsafe { command.pre_exec(enter) };
}

/// The user that agents are.
pub(crate) const NOBODY: u32 = 65534;

/// An agent under way.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<tokio::process::ChildStdout>,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Waits for a line that says `key`, and gives what follows it.
    pub(crate) async fn wait_for(&mut self, key: &str) -> String {
        timeout(SOON, async {
            loop {
                let mut line = String::new();
                let read = self.stdout.read_line(&mut line).await.expect("a line");
                assert_ne!(read, 0, "the agent ended without saying {key}");
                if let Some((found, value)) = said(&line)
                    && found == key
                {
                    return value.to_owned();
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the agent never said {key}"))
    }

    /// Kills it, as the kernel's out-of-memory killer would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it was running");
    }

    /// Lets it end, and reads what it said meanwhile.
    pub(crate) async fn report(self) -> Report {
        self.report_within(SOON).await
    }

    /// The same of one that has much to do.
    pub(crate) async fn report_within(mut self, long: Duration) -> Report {
        drop(self.child.stdin.take());
        let pid = self.child.id();
        let mut text = String::new();
        let ended = timeout(long, async {
            self.stdout.read_to_string(&mut text).await.expect("text");
            self.child.wait().await.expect("it ends")
        });
        let status = ended.await.expect("the agent hangs");
        assert!(status.success(), "the agent failed: {text}");
        let said = text
            .lines()
            .filter_map(said)
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        Report {
            pid: pid.expect("it was running"),
            said: said.collect(),
        }
    }
}

/// What an agent said: `=key value` lines among what the test runner prints.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) pid: u32,
    said: HashMap<String, String>,
}

impl Report {
    pub(crate) fn get(&self, key: &str) -> &str {
        self.said
            .get(key)
            .unwrap_or_else(|| panic!("the agent said no {key}, but {self:?}"))
    }
}

fn said(line: &str) -> Option<(&str, &str)> {
    let (_, line) = line.trim_end().split_once('=')?;
    Some(line.split_once(' ').unwrap_or((line, "")))
}
