//! The calling process, as records have it.
//!
//! The kernel tells its start as a time since boot. When the host was booted comes out a little
//! different each time it is asked, so what came out before is kept: one process has one start in all
//! records, and can be told by it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use weir_intercept::attribute::{Kin, Origin};
use weir_policy::Program;
use weir_record::{Ancestor, Process};

/// Reckonings of the boot that differ by less are the same: beyond that the clock was set.
const SAME: Duration = Duration::from_secs(1);

/// When the host was booted, as it was last reckoned. A process has one host.
static BOOTED: Mutex<Option<SystemTime>> = Mutex::new(None);

/// The program that it runs, in policy's words.
pub(super) fn program(origin: &Origin) -> Option<Program> {
    Some(Program {
        exe: origin.exe.as_ref()?.display().to_string(),
        exe_hash: origin.exe_hash.as_ref().ok().map(ToString::to_string),
        uid: Some(origin.uid.get()),
    })
}

/// What is known of it, in the record's words.
pub(super) fn of(origin: &Origin) -> Process {
    let booted = booted(origin);
    let since_boot = |moment| Timestamp::try_from(booted?.checked_add(moment)?).ok();
    Process {
        pid: origin.pid.get(),
        started: origin.started_since_boot.and_then(since_boot),
        uid: origin.uid.get(),
        gid: origin.gid.get(),
        exe: origin.exe.as_ref().map(|path| path.display().to_string()),
        exe_hash: origin.exe_hash.as_ref().ok().map(ToString::to_string),
        arguments: origin.arguments.list.clone(),
        arguments_cut: origin.arguments.cut,
        ancestry: origin
            .ancestry
            .iter()
            .map(|kin| ancestor(kin, since_boot(kin.started)))
            .collect(),
        comm: origin.comm.clone(),
        cgroup: origin.cgroup.clone().unwrap_or_default(),
        netns: origin.netns.get(),
    }
}

fn ancestor(kin: &Kin, started: Option<Timestamp>) -> Ancestor {
    Ancestor {
        pid: kin.pid.get(),
        started,
        comm: kin.comm.clone(),
        inside: kin.inside,
    }
}

/// When the host was booted: the process tells, of whose start both are known.
fn booted(origin: &Origin) -> Option<SystemTime> {
    let reckoned = origin.started?.checked_sub(origin.started_since_boot?)?;
    let mut known = BOOTED.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept(*known, reckoned);
    *known = Some(kept);
    Some(kept)
}

fn kept(known: Option<SystemTime>, reckoned: SystemTime) -> SystemTime {
    match known {
        Some(known) if apart(known, reckoned) < SAME => known,
        _ => reckoned,
    }
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|e| e.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_stays_where_it_was_unless_the_clock_was_set() {
        let first = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(kept(None, first), first);
        for near in [
            Duration::ZERO,
            Duration::from_micros(3),
            Duration::from_millis(999),
        ] {
            assert_eq!(kept(Some(first), first + near), first);
            assert_eq!(kept(Some(first), first - near), first);
        }
        for set in [
            first + SAME,
            first - SAME,
            first + Duration::from_secs(3600),
        ] {
            assert_eq!(kept(Some(first), set), set);
        }
    }
}
