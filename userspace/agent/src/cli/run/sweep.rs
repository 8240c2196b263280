//! Clears away what killed runs left: their pins, their cgroups, their copies of the
//! authority's certificate and what people were asked, once nothing lives in them.
//!
//! Not its job: what daemons left. A stopped daemon's workloads stay governed even while they are
//! empty, since an agent may be started in them at any moment; nothing is ever started in the
//! cgroup of a run that is gone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use weir_intercept::{InterceptError, cgroup::Cgroup};

use super::{
    authority::{PREFIX, SHARED, SUFFIX},
    place::{INSTANCE, PARENT},
    room,
};
use crate::engine::PINS;

/// Clears away what can be; the rest stays governed, and is no reason not to start.
pub(super) fn dead_runs() {
    for pins in entries(Path::new(PINS)) {
        let Some(run) = name(&pins).and_then(|name| name.strip_prefix(INSTANCE)) else {
            continue;
        };
        if is_over(run) {
            told(weir_intercept::uninstall(&pins).map(drop));
        }
    }
    for copy in entries(Path::new(SHARED)) {
        let run = name(&copy).and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        if run.is_some_and(is_over)
            && let Err(error) = fs::remove_file(&copy)
        {
            tracing::debug!(%error, "a killed run's certificate stays");
        }
    }
    for room in entries(Path::new(SHARED)) {
        let run =
            name(&room).and_then(|name| name.strip_prefix(room::PREFIX)?.strip_prefix(INSTANCE));
        if run.is_some_and(is_over)
            && let Err(error) = fs::remove_dir_all(&room)
        {
            tracing::debug!(%error, "what people said to a killed run stays");
        }
    }
    let Ok(parent) = Cgroup::resolve(PARENT) else {
        return;
    };
    for path in entries(parent.path()) {
        if path.is_dir() && name(&path).is_some_and(is_over) {
            told(Cgroup::resolve(&path).and_then(|left| left.remove()));
        }
    }
}

/// Whether the process of a run is gone, and everything that ran in its cgroup. What can't be told
/// is taken to live.
fn is_over(run: &str) -> bool {
    let owner = run.split('-').next().map(str::parse::<u32>);
    let Some(Ok(pid)) = owner else { return false };
    let alive = fs::exists(format!("/proc/{pid}")).unwrap_or(true);
    !alive && is_empty(run).unwrap_or(false)
}

fn is_empty(run: &str) -> Result<bool, InterceptError> {
    let cgroup = Cgroup::resolve(format!("{PARENT}/{run}"))?;
    Ok(!cgroup.path().exists() || !cgroup.populated()?)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn told(done: Result<(), InterceptError>) {
    if let Err(error) = done {
        tracing::debug!(%error, "something of a killed run stays");
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::geteuid;

    use super::*;

    /// A process id that no process has: the kernel's own limit is 2²².
    const NOBODY: u32 = 4_194_304;

    fn cgroup(name: &str) -> Cgroup {
        assert!(geteuid().is_root(), "this test needs root, to make cgroups");
        let cgroup = Cgroup::resolve(format!("{PARENT}/{name}")).unwrap();
        cgroup.create().unwrap();
        cgroup
    }

    #[test]
    fn what_a_dead_run_left_goes() {
        let left = cgroup(&format!("{NOBODY}-dead"));
        let copy = Path::new(SHARED).join(format!("{PREFIX}{NOBODY}-dead{SUFFIX}"));
        fs::write(&copy, "certificate").unwrap();
        let room = format!("{}{INSTANCE}{NOBODY}-dead", room::PREFIX);
        let room = Path::new(SHARED).join(room);
        fs::create_dir(&room).unwrap();
        fs::write(room.join("approvals.jsonl"), "").unwrap();
        dead_runs();
        assert!(!left.path().exists());
        assert!(!copy.exists() && !room.exists());
    }

    #[test]
    fn what_lives_or_is_no_run_s_stays() {
        let mine = cgroup(&format!("{}-alive", std::process::id()));
        let other = cgroup("other");
        let inhabited = cgroup(&format!("{NOBODY}-inhabited"));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        inhabited.add(weir_intercept::Pid::new(child.id())).unwrap();
        dead_runs();
        let stayed = [&mine, &other, &inhabited].map(|cgroup| cgroup.path().exists());
        child.kill().unwrap();
        child.wait().unwrap();
        for cgroup in [mine, other, inhabited] {
            cgroup.remove().unwrap();
        }
        assert_eq!(stayed, [true; 3]);
    }
}
