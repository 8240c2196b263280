//! Taking the stage down, and looking whether anything is left.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::places::Who;
use super::play::Play;
use super::report::{Report, proof};
use super::screen;
use super::stage::Stage;

/// Takes everything down, in the order in which it can go, and says what is left.
pub(super) fn all(play: Play) -> Report {
    let Play {
        stage, mut report, ..
    } = play;
    report.scene("The stage is struck");
    let traces = Traces::of(&stage);
    let failures = take_down(stage);
    let mut left = traces.left();
    left.extend(failures);
    report.claim(
        "nothing is left: no process, no cgroup, nothing pinned, no file",
        proof(left.is_empty(), || left.join("; ")),
    );
    report
}

/// What went wrong meanwhile; whatever does, the rest is taken down.
fn take_down(stage: Stage) -> Vec<String> {
    let Stage {
        mut weir,
        cgroups,
        bait,
        clear: _,
        postgres,
        dir,
    } = stage;
    let stopped = weir.stop();
    // Before enforcement goes, so that nothing that still runs there is ever free of it.
    let emptied = cgroups.remove();
    screen::typed(
        Who::Root.prompt(),
        &format!("rm -r {}", weir.pins().display()),
    );
    let lifted = weir.lift();
    drop(bait);
    let outcomes = [
        stopped,
        emptied,
        lifted,
        postgres.stop().map_err(Into::into),
        dir.close().map_err(Into::into),
    ];
    outcomes
        .into_iter()
        .filter_map(Result::err)
        .map(|error| format!("{error:#}"))
        .collect()
}

/// Where something could be left.
struct Traces {
    processes: [Pid; 2],
    paths: [PathBuf; 4],
}

impl Traces {
    fn of(stage: &Stage) -> Self {
        Self {
            processes: [stage.weir.pid(), stage.postgres.pid()],
            paths: [
                stage.weir.pins(),
                stage.cgroups.base(),
                stage.dir.path(),
                stage.postgres.dir(),
            ]
            .map(Path::to_owned),
        }
    }

    fn left(&self) -> Vec<String> {
        let alive = |pid: &&Pid| kill(**pid, None) != Err(Errno::ESRCH);
        let processes = self
            .processes
            .iter()
            .filter(alive)
            .map(|pid| format!("process {pid}"));
        let paths = self.paths.iter().filter(|path| path.exists());
        let paths = paths.map(|path| path.display().to_string());
        processes.chain(paths).collect()
    }
}
