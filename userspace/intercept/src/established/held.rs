//! The sockets that threads hold, by their inode numbers.
//!
//! Known limits: what no thread holds as a descriptor is not seen: a socket that lies unread in a
//! Unix socket's queue (it can't be used from there), and one registered with io_uring and closed
//! (it can).

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStringExt as _,
        unix::fs::MetadataExt as _,
    },
};

use crate::{Pid, facts::printable};

/// How many sockets of one workload are looked at in one go.
pub(super) const MOST_SOCKETS: usize = 1 << 20;

/// One way to a socket: a thread, and the descriptor's number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    thread: Pid,
    number: RawFd,
}

/// The tables of descriptors of a workload's threads, kept from look to look.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By the first thread of those that share one.
    known: HashMap<Pid, Table>,
}

#[derive(Debug)]
struct Table {
    /// How long each of its threads had run when it was read; `None` if that can't be told.
    ran: Option<Vec<(Pid, u64)>>,
    sockets: Vec<(RawFd, u64)>,
}

impl Tables {
    /// Every socket that these threads hold, by inode, with one of its holders. `None` when there
    /// are more than [`MOST_SOCKETS`].
    ///
    /// A table none of whose threads has run since it was read is not read again: nobody else could
    /// change it, and whoever changes it for them (one outside, that shares it) gains nothing until
    /// one of them runs to use it.
    pub(super) fn look(&mut self, threads: &[Pid]) -> Option<HashMap<u64, Holder>> {
        let mut known = HashMap::new();
        let mut held = HashMap::new();
        for sharing in threads.chunk_by(|one, next| same_files(*one, *next)) {
            let Some(thread) = sharing.first().copied() else {
                continue;
            };
            // Before the descriptors are read: who runs meanwhile is seen to have run next time.
            let ran = ran(sharing);
            let table = match self.known.remove(&thread) {
                Some(table) if ran.is_some() && table.ran == ran => table,
                _ => Table {
                    ran,
                    // Whoever ended meanwhile holds nothing.
                    sockets: sockets(thread).unwrap_or_default(),
                },
            };
            for (number, inode) in table.sockets.iter().copied() {
                held.entry(inode).or_insert(Holder { thread, number });
            }
            known.insert(thread, table);
            if held.len() > MOST_SOCKETS {
                return None;
            }
        }
        self.known = known;
        Some(held)
    }
}

/// How long each thread has been on a processor, in nanoseconds (`/proc/PID/schedstat`, field 1).
fn ran(threads: &[Pid]) -> Option<Vec<(Pid, u64)>> {
    let one = |thread: &Pid| {
        let text = fs::read_to_string(format!("/proc/{thread}/schedstat")).ok()?;
        let time = text.split(' ').next()?.parse().ok()?;
        // A kernel that does not count says that nobody ever ran.
        (time != 0).then_some((*thread, time))
    };
    threads.iter().map(one).collect()
}

/// kcmp(2): `KCMP_FILES`.
const KCMP_FILES: libc::c_long = 2;

fn same_files(one: Pid, other: Pid) -> bool {
    let [one, other] = [one, other].map(|pid| libc::c_long::from(pid.get()));
    // SAFETY: takes numbers only.
    let outcome = unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_FILES, 0, 0) };
    outcome == 0
}

fn sockets(thread: Pid) -> io::Result<Vec<(RawFd, u64)>> {
    let path = format!("/proc/{thread}/fd");
    let directory = File::open(&path)?;
    let mut sockets = Vec::new();
    for entry in fs::read_dir(&path)?.filter_map(Result::ok) {
        let Ok(name) = CString::new(entry.file_name().into_vec()) else {
            continue;
        };
        let number = name.to_str().ok().and_then(|name| name.parse().ok());
        if let (Some(number), Some(inode)) = (number, socket_at(&directory, &name)) {
            sockets.push((number, inode));
        }
    }
    Ok(sockets)
}

/// The inode of the socket that a link of `/proc/PID/fd` names: `socket:[4711]`.
fn socket_at(directory: &File, name: &CStr) -> Option<u64> {
    const PREFIX: &[u8] = b"socket:[";
    // Longer than such a name can be: what does not fit is a path.
    let mut target = [0u8; 40];
    // SAFETY: a descriptor, a string with its end, and a buffer with its size.
    let length = unsafe {
        libc::readlinkat(
            directory.as_raw_fd(),
            name.as_ptr(),
            target.as_mut_ptr().cast(),
            target.len(),
        )
    };
    let target = target.get(..usize::try_from(length).ok()?)?;
    let number = target.strip_prefix(PREFIX)?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

impl Holder {
    /// The process, and its name for display.
    pub(super) fn process(self) -> (Pid, String) {
        let Self { thread, .. } = self;
        let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
        let process = status
            .lines()
            .find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
            .map_or(thread, Pid::new);
        let mut comm = fs::read(format!("/proc/{thread}/comm")).unwrap_or_default();
        comm.truncate(comm.trim_ascii_end().len());
        (process, printable(&comm))
    }

    /// The socket itself, shared with its holder, if it is still this one.
    pub(super) fn share(self, inode: u64) -> io::Result<File> {
        let shared = File::from(self.get()?);
        // The number may mean another file by now.
        if shared.metadata()?.ino() == inode {
            Ok(shared)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn get(self) -> io::Result<OwnedFd> {
        let thread = libc::c_long::from(self.thread.get());
        // A thread of its own first (6.9); before, only the first of a process can be asked for.
        let open = |flags: libc::c_int| {
            // SAFETY: takes numbers only.
            descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, thread, flags) })
        };
        let pidfd = open(libc::O_EXCL).or_else(|_| open(0))?;
        // SAFETY: takes numbers only.
        let shared =
            unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), self.number, 0) };
        descriptor(shared)
    }
}

fn descriptor(outcome: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(outcome) {
        // SAFETY: a new descriptor that nothing else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Pid {
        Pid::new(std::process::id())
    }

    fn inode(socket: &impl std::os::fd::AsFd) -> u64 {
        let own = socket.as_fd().try_clone_to_owned().expect("a descriptor");
        File::from(own).metadata().expect("metadata").ino()
    }

    fn by(threads: &[Pid]) -> Option<HashMap<u64, Holder>> {
        Tables::default().look(threads)
    }

    #[test]
    fn sockets_and_nothing_else_are_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let file = File::open("/proc/self/exe").expect("a file");
        let held = by(&[own()]).expect("few");
        assert!(held.contains_key(&inode(&listener)));
        assert!(!held.contains_key(&inode(&file)));
        assert_eq!(by(&[Pid::new(u32::MAX)]).expect("none").len(), 0);
    }

    #[test]
    fn a_thread_with_descriptors_of_its_own_is_looked_at() {
        std::thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES).expect("to unshare");
                let hidden = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
                let thread = u32::try_from(nix::unistd::gettid().as_raw()).expect("a number");
                tell.send((Pid::new(thread), inode(&hidden)))
                    .expect("a reader");
                let _done = ended.recv();
            });
            let (thread, hidden) = told.recv().expect("it runs");
            assert!(!by(&[own()]).expect("few").contains_key(&hidden));
            let held = by(&[own(), thread]).expect("few");
            let holder = held.get(&hidden).expect("it is held");
            assert_eq!(holder.process().0, own());
            assert!(holder.share(hidden).is_ok(), "since Linux 6.9");
            end.send(()).expect("it waits");
        });
    }

    #[test]
    fn a_number_that_means_another_file_by_now_is_not_shared() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let holder = Holder {
            thread: own(),
            number: socket.as_raw_fd(),
        };
        assert!(holder.share(inode(&socket)).is_ok());
        assert!(holder.share(inode(&socket) + 1).is_err());
    }

    #[test]
    fn a_socket_that_came_since_the_last_look_is_found() {
        let threads = || -> Vec<Pid> {
            let all = fs::read_dir("/proc/self/task").expect("threads");
            all.filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok())
                .map(Pid::new)
                .collect()
        };
        let mut tables = Tables::default();
        tables.look(&threads()).expect("few");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        // A thread's time is counted when it gives the processor up, at the latest.
        std::thread::sleep(std::time::Duration::from_millis(5));
        let held = tables.look(&threads()).expect("few");
        assert!(held.contains_key(&inode(&socket)));
    }
}
