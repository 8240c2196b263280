//! A client runs as whom, where, and for as long as it was told to.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Pid, Uid, geteuid};
use testbed::{Error, Identity, Spawn};

fn sh(script: &str) -> Spawn {
    Spawn::new("sh").args(["-c", script])
}

/// Whether it dies, now that it was killed. A zombie is one whose new parent has not yet looked.
fn dies(pid: i32) -> bool {
    let dead = || {
        fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|state| state.starts_with('Z'))
        })
    };
    let since = Instant::now();
    while !dead() {
        if since.elapsed() > Duration::from_secs(5) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

fn pid_in(path: &Path) -> i32 {
    let since = Instant::now();
    loop {
        if let Ok(pid) = fs::read_to_string(path).unwrap_or_default().trim().parse() {
            return pid;
        }
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "no pid in {}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_deadline_ends_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let error = sh(&format!("sleep 60 & echo $! > {}; wait", file.display()))
        .deadline(Duration::from_millis(500))
        .run()
        .unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    assert!(dies(pid_in(&file)));
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    // The background process holds the output open: waiting for its end would take a minute.
    let output = sh("sleep 60 & echo $!").run_ok().unwrap();
    assert!(dies(output.stdout_text().trim().parse().unwrap()));
}

#[test]
fn dropping_it_ends_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let running = sh(&format!("sleep 60 & echo $! > {}; wait", file.display()))
        .start()
        .unwrap();
    let (leader, child) = (running.pid(), pid_in(&file));
    drop(running);
    assert!(dies(leader.as_raw()) && dies(child));
}

#[test]
fn failure_is_an_error_with_its_words_and_never_with_the_callers_environment() {
    let error = sh("echo oh no >&2; exit 3").run_ok().unwrap_err();
    assert!(
        error.to_string().contains("oh no") && error.to_string().contains('3'),
        "{error}"
    );

    let output = Spawn::new("env").env("ONLY", "this").run_ok().unwrap();
    let mut names: Vec<_> = output
        .stdout_text()
        .lines()
        .map(|l| l.split('=').next().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["HOME", "LANG", "ONLY", "PATH"]);
}

#[test]
fn input_goes_in_and_much_output_comes_out() {
    let input = vec![b'x'; 3 << 20];
    let output = Spawn::new("cat").stdin(input.clone()).run_ok().unwrap();
    assert_eq!(output.stdout, input);
    // Not reading it is fine too.
    Spawn::new("true").stdin(input).run_ok().unwrap();
}

#[test]
fn a_program_that_never_stops_writing_is_stopped() {
    let error = Spawn::new("cat").arg("/dev/zero").run().unwrap_err();
    assert!(matches!(error, Error::OutputTooLong { .. }), "{error}");
}

#[test]
fn an_unknown_program_or_user_is_an_error() {
    assert!(matches!(
        Spawn::new("no-such-program").run(),
        Err(Error::Start { .. })
    ));
    assert!(matches!(
        Identity::of("no-such-user"),
        Err(Error::NoUser { .. })
    ));
}

#[test]
fn another_user_has_none_of_the_callers_groups_and_dies_with_it() {
    let identity = Identity::new(Uid::from_raw(64001), Gid::from_raw(64002));
    let result = Spawn::new("cat")
        .arg("/proc/self/status")
        .as_user(identity)
        .run_ok();
    if !geteuid().is_root() {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, Error::Start { source, .. } if source.kind() == ErrorKind::PermissionDenied),
            "{error}"
        );
        return;
    }
    let status = result.unwrap().stdout_text();
    let field = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(field("Uid:"), ["64001"; 4]);
    assert_eq!(field("Gid:"), ["64002"; 4]);
    assert_eq!(field("Groups:"), Vec::<String>::new());
    assert_eq!(field("CapEff:"), ["0000000000000000"]);
}

#[test]
fn the_thread_that_asked_may_end() {
    let running = std::thread::spawn(|| sh("sleep 60").start().unwrap())
        .join()
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(!running.has_ended().unwrap());
}

#[test]
fn it_is_in_the_cgroup_from_its_first_instruction_as_a_user_who_could_not_join() {
    if !geteuid().is_root() {
        let error = Spawn::new("true").in_cgroup(v2_root()).run().unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
        return;
    }
    let name = format!("weir-testbed-{}", Pid::this());
    let dir = v2_root().join(&name);
    fs::create_dir(&dir).unwrap();
    let output = Spawn::new("cat")
        .arg("/proc/self/cgroup")
        .as_user(Identity::nobody())
        .in_cgroup(&dir)
        .run_ok();
    fs::remove_dir(&dir).unwrap();
    let groups = output.unwrap().stdout_text();
    let v2 = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap()
        .to_owned();
    assert!(v2.ends_with(&name), "{v2}");

    let missing = Spawn::new("true").in_cgroup(&dir).run().unwrap_err();
    assert!(missing.to_string().contains(&name), "{missing}");
}

/// Where cgroup v2 is mounted on this machine.
fn v2_root() -> PathBuf {
    fs::read_to_string("/proc/self/mountinfo")
        .unwrap()
        .lines()
        .find_map(|line| {
            let (mount, filesystem) = line.split_once(" - ")?;
            filesystem
                .starts_with("cgroup2 ")
                .then(|| mount.split(' ').nth(4).map(PathBuf::from))?
        })
        .expect("cgroup v2 is not mounted")
}
