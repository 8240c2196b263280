//! A service manager, as far as a daemon's listeners need one: sd_notify(3) and sd_listen_fds(3).

use std::{
    fs::{self, OpenOptions},
    io::{self, IoSliceMut},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::{net::UnixDatagram, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    cmsg_space,
    fcntl::{FcntlArg, fcntl},
    sys::{
        prctl,
        signal::Signal,
        socket::{ControlMessageOwned, MsgFlags, recvmsg},
    },
};

/// The first descriptor that is passed.
pub(super) const FIRST: RawFd = 3;
/// Higher than any that is passed, so that passing one doesn't close another.
const ASIDE: RawFd = 64;
/// How long a daemon may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A descriptor with its name in the store.
pub(super) type Named = (String, OwnedFd);

/// Hears what daemons tell it, and keeps what they leave with it.
pub(super) struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    log: PathBuf,
    kept: Vec<Named>,
}

/// A daemon that it started. Dropping it kills it.
pub(super) struct Service(Child);

impl Manager {
    /// Its socket and the daemons' log are made in this directory.
    pub(super) fn within(directory: &Path) -> Self {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            path,
            log: directory.join("log"),
            kept: Vec::new(),
        }
    }

    /// Starts a command as a service that is passed these descriptors.
    pub(super) fn start(&self, command: &[&str], passed: &[Named]) -> Service {
        let names: Vec<&str> = passed.iter().map(|(name, _)| name.as_str()).collect();
        let aside: Vec<OwnedFd> = passed.iter().map(|(_, fd)| copy(fd)).collect();
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.unwrap();
        // Only the process itself knows its id in time, and a shell stays the same process.
        let mut prepared = Command::new("/bin/sh");
        prepared
            .args(["-c", "export LISTEN_PID=$$; exec \"$@\"", "sh"])
            .args(command)
            .env("NO_COLOR", "1")
            .env("NOTIFY_SOCKET", &self.path)
            .env("LISTEN_FDS", passed.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let enter = move || {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            for (number, fd) in (FIRST..).zip(&aside) {
                // SAFETY: both are numbers; what was open at the second, std's own pipe at most, is
                // not used again before exec closes it.
                if unsafe { libc::dup2(fd.as_raw_fd(), number) } < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        };
        // SAFETY: between fork and exec it makes system calls and nothing else.
        unsafe { prepared.pre_exec(enter) };
        Service(prepared.spawn().unwrap())
    }

    /// What it is told until a daemon is ready, with `READY=1` as the last.
    pub(super) fn hear_ready(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while !heard
            .last()
            .is_some_and(|told: &String| told.starts_with("READY=1"))
        {
            heard.push(self.hear());
        }
        heard
    }

    fn hear(&mut self) -> String {
        let mut buffer = [0; 4096];
        let mut bytes = [IoSliceMut::new(&mut buffer)];
        let mut space = cmsg_space!([RawFd; 64]);
        let message = recvmsg::<()>(
            self.socket.as_raw_fd(),
            &mut bytes,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )
        .unwrap_or_else(|errno| panic!("no daemon is ready ({errno}): {}", self.log()));
        let mut received: Vec<OwnedFd> = Vec::new();
        for control in message.cmsgs().unwrap() {
            let ControlMessageOwned::ScmRights(fds) = control else {
                continue;
            };
            for fd in fds {
                // SAFETY: the kernel has just made it for this process.
                received.push(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
        let length = message.bytes;
        let told = String::from_utf8(buffer[..length].to_vec()).unwrap();
        self.obey(&told, received);
        told
    }

    fn obey(&mut self, told: &str, received: Vec<OwnedFd>) {
        let name = told.lines().find_map(|line| line.strip_prefix("FDNAME="));
        let name = name.unwrap_or("stored");
        if told.lines().any(|line| line == "FDSTOREREMOVE=1") {
            self.kept.retain(|(kept, _)| kept != name);
        } else if told.lines().any(|line| line == "FDSTORE=1") {
            let named = received.into_iter().map(|fd| (name.to_owned(), fd));
            self.kept.extend(named);
        }
    }

    /// What daemons have left with it.
    pub(super) fn kept(&self) -> &[Named] {
        &self.kept
    }

    /// What daemons have logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Service {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it without warning.
    pub(super) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

fn copy(fd: &OwnedFd) -> OwnedFd {
    let raw = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(ASIDE)).unwrap();
    // SAFETY: it was made by the line above.
    unsafe { OwnedFd::from_raw_fd(raw) }
}
