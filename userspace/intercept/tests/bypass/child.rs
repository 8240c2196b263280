//! Starting an agent: in a cgroup, without root, with the capabilities that it is to have.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use weir_intercept::cgroup::Cgroup;

use crate::aim::Aim;

/// The user that agents are.
pub(crate) const NOBODY: u32 = 65534;

pub(crate) struct Start<'a> {
    pub(crate) attempt: String,
    pub(crate) role: &'static str,
    pub(crate) aim: &'a Aim,
    pub(crate) cgroup: PathBuf,
    pub(crate) capabilities: &'static [u8],
    /// Its end of the socket pair, if it has an accomplice.
    pub(crate) pair: Option<OwnedFd>,
}

pub(crate) struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Start<'_> {
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
            .env("WEIR_BYPASS_ATTEMPT", &self.attempt)
            .env("WEIR_BYPASS_ROLE", self.role)
            .env("WEIR_BYPASS_AIM", self.aim.encode())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let procs = std::fs::OpenOptions::new()
            .write(true)
            .open(self.cgroup.join("cgroup.procs"))
            .expect("the cgroup exists");
        let (capabilities, pair) = (self.capabilities, self.pair);
        let enter = move || {
            nix::unistd::write(&procs, b"0")?;
            if let Some(pair) = &pair {
                // SAFETY: two numbers; what stood at the second is closed.
                if unsafe { libc::dup2(pair.as_raw_fd(), Aim::PAIR) } < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            become_nobody(capabilities)
        };
        // SAFETY: between fork and exec, only system calls that allocate nothing.
        unsafe { command.pre_exec(enter) };
        let mut child = command.spawn().expect("the test binary starts again");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Running {
            child,
            stdin,
            stdout,
        }
    }
}

/// Keeps nothing of root but these capabilities, which are made ambient to outlive the exec
/// (capabilities(7)).
fn become_nobody(capabilities: &[u8]) -> io::Result<()> {
    if !capabilities.is_empty() {
        nix::sys::prctl::set_keepcaps(true)?;
    }
    nix::unistd::setgroups(&[])?;
    nix::unistd::setgid(NOBODY.into())?;
    nix::unistd::setuid(NOBODY.into())?;
    if capabilities.is_empty() {
        return Ok(());
    }
    let mask = capabilities.iter().fold(0u32, |mask, bit| mask | 1 << bit);
    // include/uapi/linux/capability.h: _LINUX_CAPABILITY_VERSION_3, this thread; then effective,
    // permitted and inheritable, the low words before the high ones.
    let header = [0x2008_0522u32, 0];
    let data = [mask, mask, mask, 0, 0, 0];
    // SAFETY: a header and data of the version that the header names.
    let set = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    for bit in capabilities {
        // SAFETY: four numbers.
        let raised = unsafe {
            libc::prctl(
                libc::PR_CAP_AMBIENT,
                libc::PR_CAP_AMBIENT_RAISE,
                libc::c_ulong::from(*bit),
                0,
                0,
            )
        };
        if raised != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

impl Running {
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The next thing it says: a key and a value. `None` at its end.
    pub(crate) async fn said(&mut self) -> Option<(String, String)> {
        while let Ok(Some(line)) = self.stdout.next_line().await {
            if let Some((_, said)) = line.split_once('=')
                && line.starts_with('=')
            {
                let (key, value) = said.split_once(' ').unwrap_or((said, ""));
                return Some((key.to_owned(), value.to_owned()));
            }
        }
        None
    }

    pub(crate) async fn answer(&mut self, text: &str) {
        // One that is gone has no use for it.
        let _gone = self.stdin.write_all(format!("{text}\n").as_bytes()).await;
    }

    pub(crate) async fn kill(mut self) {
        let _gone = self.child.kill().await;
    }
}

/// A socket pair whose ends outlive an exec only where they are duplicated.
pub(crate) fn pair() -> (OwnedFd, OwnedFd) {
    nix::sys::socket::socketpair(
        nix::sys::socket::AddressFamily::Unix,
        nix::sys::socket::SockType::SeqPacket,
        None,
        nix::sys::socket::SockFlag::SOCK_CLOEXEC,
    )
    .expect("a pair")
}

/// Lets the agents' user own a file or directory.
pub(crate) fn give(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
}

/// Lets the agents' user rule a cgroup (cgroups(7), "Cgroups delegation").
pub(crate) fn delegate(cgroup: &Cgroup) {
    for file in [
        "",
        "cgroup.procs",
        "cgroup.threads",
        "cgroup.subtree_control",
    ] {
        give(&cgroup.path().join(file));
    }
}
