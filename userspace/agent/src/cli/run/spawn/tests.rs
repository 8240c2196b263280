//! The confinement as the kernel tells it, seen from inside.

use std::{
    collections::BTreeMap,
    os::{fd::AsRawFd as _, unix::process::ExitStatusExt as _},
    process::ExitStatus,
};

use nix::unistd::{Gid, Uid, geteuid};

mod hidden;
mod refused;

use super::{
    super::{place::Place, signals::Blocked},
    *,
};

fn nobody() -> Account {
    Account {
        name: "nobody".into(),
        uid: Uid::from_raw(65_534),
        gid: Gid::from_raw(65_534),
        groups: vec![Gid::from_raw(54_321)],
        withheld: Vec::new(),
        home: "/nonexistent".into(),
        shell: "/bin/sh".into(),
    }
}

fn place() -> Place {
    assert!(
        geteuid().is_root(),
        "this test needs root, to become another user"
    );
    Place::make().unwrap()
}

/// Runs a shell script confined; what it wrote to the file and how it ended.
async fn shell(script: &str) -> (String, ExitStatus) {
    let place = place();
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let told = dir.path().join("told");
    std::fs::write(&told, "").unwrap();
    for (path, mode) in [(dir.path(), 0o755), (&*told, 0o666)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
    let script = format!("exec >{}; {script}", told.display());
    let command = ["/bin/sh".into(), "-c".into(), script.into()];
    // As `weir run` does, to pass them on.
    let _blocked = Blocked::now().unwrap();
    let mut child = spawn(
        &command,
        &nobody(),
        &place.cgroup,
        Path::new("/ca.pem"),
        &UnixRule::default(),
    )
    .unwrap();
    let status = child.wait().await.unwrap();
    place.end().unwrap();
    place.cgroup.remove().unwrap();
    (std::fs::read_to_string(&told).unwrap(), status)
}

#[tokio::test]
async fn the_kernel_sees_no_privilege_left() {
    // Left open on purpose, and not close-on-exec: what a careless caller hands down.
    let leaked = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    nix::fcntl::fcntl(
        &leaked,
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()),
    )
    .unwrap();

    let (told, status) = shell("cat /proc/self/status; echo FDs: $(ls /proc/$$/fd)").await;
    assert!(status.success());
    let facts: BTreeMap<&str, Vec<&str>> = told
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key, value.split_whitespace().collect()))
        .collect();
    assert_eq!(facts["Uid"], ["65534"; 4]);
    assert_eq!(facts["Gid"], ["65534"; 4]);
    assert_eq!(facts["Groups"], ["54321"]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(facts[set], ["0000000000000000"], "{set}");
    }
    assert_eq!(facts["NoNewPrivs"], ["1"]);
    assert_eq!(
        facts["SigBlk"],
        ["0000000000000000"],
        "the command has its signals"
    );
    let open = &facts["FDs"];
    assert!(
        !open.contains(&&*leaked.as_raw_fd().to_string()),
        "{open:?}"
    );
    assert!(
        open.len() <= 4,
        "only the standard streams and the shell's own: {open:?}"
    );
}

#[tokio::test]
async fn it_can_t_type_into_the_terminal() {
    // Not a terminal, on purpose: without the filter every one of these is ENOTTY.
    let script = "/usr/bin/python3 -c 'import fcntl,ctypes\n\
        null = open(\"/dev/null\")\n\
        for request in (0x5412, 0x541C, 0x5401, (7 << 32) + 0x5412):\n\
        \x20   libc = ctypes.CDLL(None, use_errno=True)\n\
        \x20   libc.syscall(16, null.fileno(), ctypes.c_ulong(request), b\"x\")\n\
        \x20   print(ctypes.get_errno())'";
    let script = script.replace("syscall(16", &format!("syscall({}", libc::SYS_ioctl));
    let (told, _) = shell(&script).await;
    let [eperm, enotty] = [libc::EPERM, libc::ENOTTY];
    let expected = [eperm, eperm, enotty, eperm].map(|errno| format!("{errno}\n"));
    assert_eq!(told, expected.concat());
}

#[tokio::test]
async fn it_starts_inside_its_cgroup_and_in_its_own_name() {
    let (told, _) = shell("cat /proc/self/cgroup; echo $HOME $USER $LOGNAME $SHELL $WEIR_CA").await;
    let cgroup = told
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap();
    let own = format!("/weir.run/{}-", std::process::id());
    assert!(cgroup.contains(&own), "{told}");
    assert_eq!(
        told.lines().last(),
        Some("/nonexistent nobody nobody /bin/sh /ca.pem")
    );
}

#[tokio::test]
async fn it_can_t_leave_its_cgroup() {
    let escape = "for f in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs); do \
                  (echo $$ >$f) 2>/dev/null && echo escaped by $f; done; true";
    let (told, status) = shell(escape).await;
    assert!(status.success());
    assert_eq!(told, "");
}

#[tokio::test]
async fn how_it_ended_is_told() {
    assert_eq!(shell("exit 7").await.1.code(), Some(7));
    assert_eq!(shell("kill -TERM $$").await.1.signal(), Some(15));
}

#[tokio::test]
async fn what_can_t_be_run_is_told_from_what_can_t_be_confined() {
    let place = place();
    let run = |program: &str, cgroup: &Cgroup| {
        spawn(
            &[program.into()],
            &nobody(),
            cgroup,
            Path::new("/ca.pem"),
            &UnixRule::default(),
        )
        .map(drop)
        .unwrap_err()
    };
    assert_eq!(run("/nonexistent/program", &place.cgroup).exit(), 127);
    assert_eq!(run("/etc/passwd", &place.cgroup).exit(), 126);

    let root = Account {
        uid: Uid::from_raw(0),
        ..nobody()
    };
    let error = spawn(
        &["/bin/true".into()],
        &root,
        &place.cgroup,
        Path::new("/ca.pem"),
        &UnixRule::default(),
    );
    let error = error.map(drop).unwrap_err();
    assert!(
        matches!(
            error,
            RunError::Confine {
                step: Step::Verify,
                ..
            }
        ),
        "{error}"
    );

    place.cgroup.remove().unwrap();
    let error = run("/bin/true", &place.cgroup);
    assert_eq!(error.exit(), 125, "{error}");
}
