//! Executables that are gone, in no directory, or on file systems that hide their own number.

use std::{os::unix::fs::PermissionsExt as _, process::Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::*;

/// Something mounted on a directory, until the test ends.
struct Mounted(PathBuf);

impl Mounted {
    fn new(kind: &str, at: PathBuf, options: &str) -> Self {
        fs::create_dir_all(&at).expect("a directory");
        let none = MsFlags::empty();
        mount(Some(kind), &at, Some(kind), none, Some(options)).expect("a mount");
        Self(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let gone = umount2(&self.0, MntFlags::MNT_DETACH);
        assert!(std::thread::panicking() || gone.is_ok(), "{gone:?}");
    }
}

#[tokio::test]
async fn a_deleted_executable_is_hashed_while_it_runs() {
    let bed = Bed::new();
    let room = Room::new("deleted");
    let path = room.perl("agent");
    let mut command = program(&bed, &path);
    command.args(["-e", &script("unlink($^X) or die; $s = weir(); sleep 60;")]);
    let mut child = command.spawn().expect("it starts");
    let origin = origin(&bed).await;
    assert!(!path.exists());
    assert_eq!(origin.exe.as_deref(), Some(&*path));
    assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
    child.kill().await.expect("it was running");
}

#[tokio::test]
async fn an_executable_that_is_nowhere_any_more_has_no_hash() {
    let bed = Bed::new();
    let room = Room::new("nowhere");
    let path = room.perl("agent");
    let mut command = program(&bed, &path);
    command.args(["-e", &script("unlink($^X) or die; weir();")]);
    run(command).await;
    // Nor has what is put in its place.
    copy(PERL, &path);
    let origin = origin(&bed).await;
    assert_eq!(origin.exe.as_deref(), Some(&*path));
    assert_eq!(origin.exe_hash, Err(Unhashed::Gone));
}

#[tokio::test]
async fn an_executable_without_a_directory_is_shown_by_its_name() {
    let bed = Bed::new();
    let hidden = r#"
        my $fd = syscall(319, my $name = "psql", 0);
        open(my $to, ">&=", $fd) or die "memfd: $!";
        open(my $from, "<", "/usr/bin/perl") or die;
        local $/;
        syswrite($to, <$from>);
        exec { "/proc/self/fd/$fd" } "/usr/bin/psql", "-e", $ARGV[0] or die "exec: $!";
    "#;
    let mut command = program(&bed, PERL);
    command.args(["-e", hidden, &script("$s = weir(); sleep 60;")]);
    let mut child = command.spawn().expect("it starts");
    let origin = origin(&bed).await;
    assert_eq!(origin.exe.as_deref(), Some(Path::new("memfd:psql")));
    assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
    assert_eq!(origin.arguments.list[0], "/usr/bin/psql");
    child.kill().await.expect("it was running");
}

#[tokio::test]
async fn a_path_crosses_mounts_and_an_overlay_hides_no_executable() {
    let bed = Bed::new();
    let room = Room::new("mounts");
    let outer = Mounted::new("tmpfs", room.0.join("outer"), "mode=755");
    for name in ["lower/bin", "upper", "work"] {
        fs::create_dir_all(outer.0.join(name)).expect("a directory");
    }
    copy(PERL, outer.0.join("lower/bin/perl"));
    copy(PERL, outer.0.join("perl"));
    let part = |name| outer.0.join(name).display().to_string();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        part("lower"),
        part("upper"),
        part("work")
    );
    let overlay = Mounted::new("overlay", outer.0.join("in/overlay"), &options);
    for path in [outer.0.join("perl"), overlay.0.join("bin/perl")] {
        let mut command = program(&bed, &path);
        command.args(["-e", &script("weir();")]);
        run(command).await;
        let origin = origin(&bed).await;
        assert_eq!(origin.exe.as_deref(), Some(&*path));
        assert_eq!(shown(&origin.exe_hash), hash_of(PERL), "{}", path.display());
    }
}

/// Deeper than is walked, and longer than is kept: the end is shown, and said to be one.
#[tokio::test]
async fn a_path_too_long_is_cut_at_its_beginning() {
    let bed = Bed::new();
    let room = Room::new("deep");
    let deep = (0..30).fold(room.0.clone(), |path, _| path.join("d"));
    let wide = (0..3).fold(room.0.clone(), |path, at| {
        path.join(format!("{at}").repeat(100))
    });
    for directory in [deep, wide] {
        fs::create_dir_all(&directory).expect("directories");
        for at in directory
            .ancestors()
            .take_while(|at| *at != Path::new("/tmp"))
        {
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(at, open).expect("permissions");
        }
        let path = directory.join("perl");
        copy(PERL, &path);
        let mut command = program(&bed, &path);
        command.args(["-e", &script("$s = weir(); sleep 60;")]);
        command.stdout(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let origin = origin(&bed).await;
        let exe = origin.exe.expect("a path").display().to_string();
        let end = exe.strip_prefix('…').expect("a cut path");
        assert!(end.starts_with('/') && end.ends_with("/perl"), "{exe}");
        assert!(path.display().to_string().ends_with(end), "{exe}");
        // While it lives the file is found all the same.
        assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
        child.kill().await.expect("it was running");
    }
}
