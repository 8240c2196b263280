//! What `/proc` still says of a process, once it is sure to be the one that is meant.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::time::{ClockId, clock_gettime};
use weir_abi::ARGUMENTS_BYTES;

use super::{caller::Arguments, hash};
use crate::{Pid, facts::printable};

/// A live process, known to be the one that called.
pub(super) struct Process {
    /// Since boot, rounded down to a clock tick.
    pub(super) started: Duration,
    /// Its executable's path, made printable.
    pub(super) exe: Option<PathBuf>,
    pub(super) arguments: Arguments,
    /// Its executable, as a handle.
    pub(super) file: Option<File>,
}

/// The process, if it is there and is not younger than the call.
pub(super) fn look(pid: Pid, called: Duration) -> Option<Process> {
    let before = start_of(pid)?;
    // A pid that was recycled names a process that started after the call.
    if before > called {
        return None;
    }
    let link = format!("/proc/{pid}/exe");
    let exe = fs::read_link(&link)
        .ok()
        .map(|path| PathBuf::from(printable(path.as_os_str().as_bytes())));
    let file = hash::handle(Path::new(&link), 0);
    let arguments = arguments_of(pid).unwrap_or_default();
    // The same process before and after they were read: so they are its.
    (start_of(pid)? == before).then_some(Process {
        started: before,
        exe,
        arguments,
        file,
    })
}

fn arguments_of(pid: Pid) -> Option<Arguments> {
    let mut line = Vec::new();
    let most = u64::try_from(ARGUMENTS_BYTES).ok()?;
    let file = File::open(format!("/proc/{pid}/cmdline")).ok()?;
    file.take(most + 1).read_to_end(&mut line).ok()?;
    let cut = line.len() > ARGUMENTS_BYTES;
    line.truncate(ARGUMENTS_BYTES);
    Some(Arguments::parse(&line, cut))
}

/// When the process started, since boot. Field 22 of `stat` (proc_pid_stat(5)), in clock ticks,
/// rounded down.
fn start_of(pid: Pid) -> Option<Duration> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    ticks_in(&stat).and_then(|ticks| {
        let milliseconds = ticks.checked_mul(1000)?.checked_div(ticks_per_second()?)?;
        Some(Duration::from_millis(milliseconds))
    })
}

/// Field 22. The second field is the process's own choice of name in parentheses and may contain
/// anything, so counting begins after the last closing one.
fn ticks_in(stat: &[u8]) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

fn ticks_per_second() -> Option<u64> {
    nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()?
        .and_then(|t| t.try_into().ok())
}

/// A moment since boot as a time of day.
pub(super) fn since_boot(moment: Duration) -> Option<SystemTime> {
    let up = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    SystemTime::now().checked_sub(up.checked_sub(moment)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (psql) S 1 42 42 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 98765 1 2";

    fn own() -> Pid {
        Pid::new(std::process::id())
    }

    fn now() -> Duration {
        clock_gettime(ClockId::CLOCK_BOOTTIME)
            .expect("a clock")
            .into()
    }

    #[test]
    fn the_start_is_field_22() {
        assert_eq!(ticks_in(STAT.as_bytes()), Some(98765));
    }

    #[test]
    fn a_name_made_to_shift_the_fields_does_not() {
        let hostile = STAT.replace("(psql)", "(a) S 1 2 3 4 5 6 (b)");
        assert_eq!(ticks_in(hostile.as_bytes()), Some(98765));
        let not_text = [
            b"42 (\xff\xfe) ".as_slice(),
            &STAT.as_bytes()["42 (psql) ".len()..],
        ]
        .concat();
        assert_eq!(ticks_in(&not_text), Some(98765));
    }

    #[test]
    fn nonsense_has_no_start() {
        for stat in ["", ")", "1 (x) S 1", "1 (x S 1 2 3"] {
            assert_eq!(ticks_in(stat.as_bytes()), None, "{stat:?}");
        }
    }

    #[test]
    fn a_process_older_than_the_call_is_looked_at() {
        let process = look(own(), now()).expect("this process is alive");
        assert_eq!(process.exe, std::env::current_exe().ok());
        let own: Vec<String> = std::env::args().collect();
        assert_eq!(process.arguments.list, own);
        let age = since_boot(process.started)
            .expect("a start")
            .elapsed()
            .expect("a start in the past");
        assert!(
            age < Duration::from_secs(600),
            "this test started {age:?} ago"
        );
    }

    #[test]
    fn a_process_younger_than_the_call_is_another() {
        let start = start_of(own()).expect("this process is alive");
        assert!(
            look(own(), start).is_some(),
            "in the very tick it may be the same"
        );
        assert!(look(own(), start - Duration::from_millis(1)).is_none());
    }

    #[test]
    fn a_process_that_is_gone_is_not_looked_at() {
        assert!(look(Pid::new(u32::MAX), now()).is_none());
    }
}
