//! What the kernel knew about a caller, as userspace speaks of it.

use std::time::Duration;

use weir_abi::ConnectFacts;

use crate::{CgroupId, Gid, NetnsCookie, Pid, SocketCookie, Uid};

/// Who called, as captured by the kernel in the call itself: true at that moment whatever became
/// of the process since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The client's socket.
    pub cookie: SocketCookie,
    /// The network namespace of that socket.
    pub netns: NetnsCookie,
    /// The cgroup the calling task ran in.
    pub cgroup: CgroupId,
    /// The tagged cgroup that one is, or is below.
    pub workload: CgroupId,
    /// The calling process; `None` for a packet, which has no caller.
    pub pid: Option<Pid>,
    /// The calling thread, likewise.
    pub thread: Option<Pid>,
    /// The caller's user.
    pub uid: Uid,
    /// The caller's group.
    pub gid: Gid,
    /// When, since boot, suspend included (`CLOCK_BOOTTIME`).
    pub since_boot: Duration,
    /// The calling thread's name. Chosen by the process itself: for display, never for a decision.
    pub comm: String,
}

impl From<&ConnectFacts> for Facts {
    fn from(raw: &ConnectFacts) -> Self {
        let pid = |number: u32| (number != 0).then(|| Pid::new(number));
        Self {
            cookie: SocketCookie::new(raw.cookie),
            netns: NetnsCookie::new(raw.netns),
            cgroup: CgroupId::new(raw.cgroup),
            workload: CgroupId::new(raw.workload),
            pid: pid(raw.tgid),
            thread: pid(raw.tid),
            uid: Uid::new(raw.uid),
            gid: Gid::new(raw.gid),
            since_boot: Duration::from_nanos(raw.boot_ns),
            comm: printable(&raw.comm),
        }
    }
}

/// The name up to its NUL, with anything that could steer a terminal or a log replaced.
pub(crate) fn printable(comm: &[u8]) -> String {
    let name: Vec<u8> = comm.iter().copied().take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&name)
        .chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_made_printable() {
        assert_eq!(printable(b"psql\0junk"), "psql");
        assert_eq!(printable(b"\x1b[2Jroot\n"), "\u{fffd}[2Jroot\u{fffd}");
        assert_eq!(printable(&[0xff; 16]), "\u{fffd}".repeat(16));
        assert_eq!(printable(b""), "");
    }
}
