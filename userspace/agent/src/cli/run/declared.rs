//! The configuration of one run: the file's, or the embedded one, with this run as its only
//! workload.

use std::{mem, path::Path};

use weir_intercept::UnixRule;
use weir_policy::Mode;

use super::{error::RunError, place::Place};
use crate::config::{Config, Engine, Workload};

/// The name under which a file may say who the command is and what it may reach.
const WORKLOAD: &str = "run";

/// What this run is governed by, in this mode or else the file's. The workloads of the file are the daemon's, not this run's.
pub(super) fn config(
    file: Option<&Path>,
    state: Option<&Path>,
    mode: Option<Mode>,
    place: &Place,
) -> Result<Config, RunError> {
    let usual = Engine::default();
    let embedded = Config::embedded(usual.state, usual.socket);
    let mut config = match file {
        Some(file) => Config::load(file)?,
        None => embedded.clone(),
    };
    if let Some(state) = state {
        config.engine.state = state.to_owned();
    }
    let declared = config
        .workloads
        .iter()
        .find(|workload| workload.name.as_str() == WORKLOAD);
    let workload = declared
        .or(embedded.workloads.first())
        .cloned()
        .map(|workload| Workload {
            cgroup: place.path.clone(),
            // Made already.
            create: false,
            mode: mode.unwrap_or(workload.mode),
            ..workload
        });
    config.workloads = workload.into_iter().collect();
    Ok(config)
}

/// Takes out which Unix sockets the command may reach, and leaves the engine with all.
///
/// What keeps the others away is what the command sees (`mounts`, `landlock`), where sockets of its
/// own making work. The kernel's hook knows names only: it would refuse those, too.
pub(super) fn unix_sockets(config: &mut Config) -> UnixRule {
    let run = config.workloads.first_mut();
    run.map(|run| mem::replace(&mut run.rules.unix, UnixRule::Open))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{IdentityKind, Reach};

    fn place() -> Place {
        let path = "/weir.run/1-abc";
        Place {
            cgroup: weir_intercept::cgroup::Cgroup::resolve(path).unwrap(),
            path: path.parse().unwrap(),
            name: "1-abc".into(),
        }
    }

    fn load(text: &str) -> Config {
        load_in(None, text)
    }

    fn load_in(mode: Option<Mode>, text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        config(Some(file.path()), None, mode, &place()).unwrap()
    }

    #[test]
    fn without_a_file_the_caller_may_go_nowhere() {
        let config = config(None, Some(Path::new("/tmp/state")), None, &place()).unwrap();
        assert_eq!(config.engine.records(), Path::new("/tmp/state/records"));
        let [run] = &config.workloads[..] else {
            panic!("{config:?}")
        };
        assert_eq!(run.cgroup.as_str(), "/weir.run/1-abc");
        assert_eq!(run.identity.kind, IdentityKind::Unix);
        assert!(config.targets.is_empty());
        assert_eq!(run.mode, Mode::Enforce);
    }

    #[test]
    fn a_run_is_observed_where_the_caller_or_the_file_says_so() {
        let run = |mode| {
            format!(
                "[[identity]]\nname = \"bot\"\nkind = \"static\"\n[[workload]]\nname = \"run\"\n\
                 cgroup = \"/weir/ci\"\nidentity = \"bot\"\nmode = \"{mode}\"\n"
            )
        };
        let asked = Some(Mode::Observe);
        for (mode, text, expected) in [
            (asked, run("enforce"), Mode::Observe),
            (asked, String::new(), Mode::Observe),
            (None, run("observe"), Mode::Observe),
            (None, run("enforce"), Mode::Enforce),
            (None, String::new(), Mode::Enforce),
        ] {
            assert_eq!(load_in(mode, &text).workloads[0].mode, expected, "{text}");
        }
        let config = config(None, None, asked, &place()).unwrap();
        assert_eq!(config.workloads[0].mode, Mode::Observe);
    }

    #[test]
    fn the_daemons_workloads_are_not_touched() {
        let config = load(
            "[[identity]]\nname = \"bot\"\nkind = \"static\"\n\
             [[workload]]\nname = \"ci\"\ncgroup = \"/weir/ci\"\nidentity = \"bot\"\n",
        );
        let [run] = &config.workloads[..] else {
            panic!("{config:?}")
        };
        assert_eq!(
            (run.name.as_str(), run.cgroup.as_str()),
            ("run", "/weir.run/1-abc")
        );
        assert_eq!(run.identity.kind, IdentityKind::Unix);
    }

    #[test]
    fn a_file_may_say_who_the_run_is_and_what_it_may_reach() {
        let config = load(
            "[[identity]]\nname = \"bot\"\nkind = \"static\"\n\
             [[workload]]\nname = \"run\"\ncgroup = \"/weir/ci\"\nidentity = \"bot\"\ntargets = []\n",
        );
        let [run] = &config.workloads[..] else {
            panic!("{config:?}")
        };
        assert_eq!(
            (run.identity.name.as_str(), run.cgroup.as_str()),
            ("bot", "/weir.run/1-abc")
        );
        assert_eq!(run.reach, Reach::Only([].into()));
    }

    #[test]
    fn unix_sockets_are_for_the_command_s_view_and_not_for_the_kernel() {
        let load = |more: &str| {
            load(&format!(
                "[[identity]]\nname = \"bot\"\nkind = \"static\"\n[[workload]]\nname = \"run\"\n\
                 cgroup = \"/weir/ci\"\nidentity = \"bot\"\n{more}",
            ))
        };
        for (more, told) in [
            ("", UnixRule::default()),
            ("unix_sockets = \"all\"\n", UnixRule::Open),
            (
                "unix_sockets = [\"/run/app.sock\"]\n",
                UnixRule::Only(vec!["/run/app.sock".into()]),
            ),
        ] {
            let mut config = load(more);
            assert_eq!(unix_sockets(&mut config), told);
            assert_eq!(config.workloads[0].rules.unix, UnixRule::Open);
        }
    }
}
