//! The calling process, as records have it.

use std::time::Duration;

use jiff::Timestamp;
use weir_intercept::attribute::{Kin, Origin};
use weir_record::{Ancestor, Process};

/// What is known of it, in the record's words.
pub(super) fn of(origin: &Origin) -> Process {
    Process {
        pid: origin.pid.get(),
        started: origin.started.and_then(|at| Timestamp::try_from(at).ok()),
        uid: origin.uid.get(),
        gid: origin.gid.get(),
        exe: origin.exe.as_ref().map(|path| path.display().to_string()),
        exe_hash: origin.exe_hash.as_ref().ok().map(ToString::to_string),
        arguments: origin.arguments.list.clone(),
        arguments_cut: origin.arguments.cut,
        ancestry: origin
            .ancestry
            .iter()
            .map(|kin| ancestor(kin, origin))
            .collect(),
        comm: origin.comm.clone(),
        cgroup: origin.cgroup.clone().unwrap_or_default(),
        netns: origin.netns.get(),
    }
}

fn ancestor(kin: &Kin, origin: &Origin) -> Ancestor {
    Ancestor {
        pid: kin.pid.get(),
        started: started(kin.started, origin),
        comm: kin.comm.clone(),
        inside: kin.inside,
    }
}

/// A moment since boot as a time of day, counted from the start of the process, of which both are
/// known.
fn started(since_boot: Duration, origin: &Origin) -> Option<Timestamp> {
    let (known, at) = (origin.started_since_boot?, origin.started?);
    let at = if since_boot > known {
        at.checked_add(since_boot - known)
    } else {
        at.checked_sub(known - since_boot)
    };
    Timestamp::try_from(at?).ok()
}
