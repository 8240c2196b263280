//! Who called: right for processes that are gone, or are something else, before anybody looks; and for
//! those that would rather be taken for another. The agents are a real interpreter, so that what they
//! do right after `connect` is not what this test suite's own runtime does.

mod afterwards;
mod files;
mod kin;

use std::{
    ffi::{CStr, OsStr},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use tokio::{
    process::{Child, Command},
    time::timeout,
};
use weir_intercept::{
    Intercepted, NetnsCookie, Pid, Uid,
    attribute::{self, Attribution, ExeHash, Origin, Unhashed},
};

use crate::{
    SOON,
    bed::Bed,
    child::{Agent, NOBODY, enter},
};

const PERL: &str = "/usr/bin/perl";

/// The beginning of every script: one connection, which no `exec` closes.
const CONNECT: &str = r#"
    use Socket;
    $^F = 255;
    sub weir {
        my $socket;
        socket($socket, PF_INET, SOCK_STREAM, 6) or die "socket: $!";
        connect($socket, pack_sockaddr_in(5432, inet_aton("127.77.0.1"))) or die "connect: $!";
        return $socket;
    }
"#;

fn script(rest: &str) -> String {
    format!("{CONNECT}\n{rest}")
}

/// A program of the host, in the tagged cgroup and without root.
fn program(bed: &Bed, path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    enter(&mut command, Some(&bed.workload.0), false);
    command
}

fn perl(bed: &Bed, rest: &str) -> Command {
    let mut command = program(bed, PERL);
    command.args(["-e", &script(rest)]);
    command
}

/// Runs it to its end; gives its process id.
async fn run(mut command: Command) -> u32 {
    let mut child = command.spawn().expect("it starts");
    let pid = child.id().expect("it runs");
    let ended = timeout(SOON, child.wait()).await.expect("it hangs");
    let status = ended.expect("a status");
    assert!(status.success(), "{status}");
    pid
}

/// Waits until a process runs another program than it began with.
async fn until_it_is(child: &Child, path: &Path) {
    let link = format!("/proc/{}/exe", child.id().expect("it runs"));
    timeout(SOON, async {
        while fs::read_link(&link).ok().as_deref() != Some(path) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("it never became that");
}

async fn accept(bed: &Bed) -> Intercepted {
    timeout(SOON, bed.weir.accept())
        .await
        .expect("nothing came")
        .expect("a connection")
}

async fn origin(bed: &Bed) -> Origin {
    attribute::origin(&accept(bed).await).await
}

fn hash_of(path: impl AsRef<Path>) -> String {
    blake3::hash(&fs::read(path).expect("a file")).to_string()
}

/// As text, since nothing but a file's content makes one.
fn shown(hash: &Result<ExeHash, Unhashed>) -> String {
    hash.map_or_else(|why| why.to_string(), |hash| hash.to_string())
}

/// Copies a program. By another process: a file that this one has open for writing while some test
/// starts an agent can't be run until that agent has begun.
fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let paths = [from.as_ref(), to.as_ref()];
    let copied = std::process::Command::new("cp").args(paths).status();
    assert!(copied.expect("cp").success());
}

/// A directory that agents can enter, and that goes with the test.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = PathBuf::from(format!("/tmp/weir-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&path, open).expect("permissions");
        Self(path)
    }

    /// The interpreter under another name.
    fn perl(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        copy(PERL, &path);
        path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let gone = fs::remove_dir_all(&self.0);
        assert!(std::thread::panicking() || gone.is_ok(), "{gone:?}");
    }
}

#[tokio::test]
async fn a_process_that_exits_at_once_is_told_whole() {
    let bed = Bed::new();
    let mut command = perl(&bed, "weir();");
    command.args(["select 1", "", "ünï"]);
    let begun = SystemTime::now();
    let pid = run(command).await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());

    let intercepted = accept(&bed).await;
    let origin = attribute::origin(&intercepted).await;
    assert_eq!(origin.pid, Pid::new(pid));
    assert_eq!(origin.uid, Uid::new(NOBODY));
    assert_eq!(origin.workload, bed.id);
    // Before 5.14 an engine can't ask for the number of its own.
    let own = intercepted.namespace.cookie();
    assert!(own == NetnsCookie::new(0) || origin.netns == own);
    assert_eq!(origin.comm, "perl");
    assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
    assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
    let script = script("weir();").replace('\n', "\u{fffd}");
    let line = [PERL, "-e", &script, "select 1", "", "ünï"];
    assert_eq!(origin.arguments.list, line);
    assert!(!origin.arguments.cut && origin.at_connect);
    let started = origin.started.expect("a start");
    // Time of day and time since boot are read one after the other.
    let slack = Duration::from_millis(100);
    assert!(started + slack > begun && started < SystemTime::now() + slack);
    assert_eq!(bed.weir.status().attribution, Attribution::AtConnect);
}

#[tokio::test]
async fn a_process_that_runs_another_program_at_once_is_shown_as_it_was() {
    let bed = Bed::new();
    let mut child = perl(&bed, r#"$s = weir(); exec "/bin/sleep", "60";"#)
        .spawn()
        .expect("it starts");
    let sleep = fs::canonicalize("/bin/sleep").expect("a path");
    until_it_is(&child, &sleep).await;
    let origin = origin(&bed).await;
    assert_eq!(Some(origin.pid.get()), child.id());
    assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
    assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
    assert_eq!(origin.arguments.list[..2], [PERL, "-e"]);
    assert_eq!(origin.comm, "perl");
    child.kill().await.expect("it was running");
}

#[tokio::test]
async fn a_name_made_to_deceive_a_terminal_does_not() {
    let bed = Bed::new();
    let room = Room::new("name");
    let path = room.perl("a\nb\u{1b}[2Jc");
    let mut command = program(&bed, &path);
    command.args(["-e", &script("weir();"), "\u{1b}]0;root\u{7}"]);
    run(command).await;
    let origin = origin(&bed).await;
    let printable = room.0.join("a\u{fffd}b\u{fffd}[2Jc");
    assert_eq!(origin.exe.as_deref(), Some(&*printable));
    assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
    assert_eq!(origin.comm, "a\u{fffd}b\u{fffd}[2Jc");
    assert_eq!(origin.arguments.list[0], printable.to_string_lossy());
    assert_eq!(origin.arguments.list[3], "\u{fffd}]0;root\u{fffd}");
}

#[tokio::test]
async fn a_command_line_without_a_single_argument_is_one() {
    let bed = Bed::new();
    let room = Room::new("bare");
    let file = room.0.join("script");
    fs::write(&file, script("weir();")).expect("a script");
    let mut command = program(&bed, PERL);
    command.stdin(fs::File::open(&file).expect("a file"));
    let bare = || {
        let none: [&CStr; 0] = [];
        nix::unistd::execve(c"/usr/bin/perl", &none, &none)?;
        Ok(())
    };
    // SAFETY: between fork and exec, only a system call (and two empty lists).
    unsafe { command.pre_exec(bare) };
    run(command).await;
    let origin = origin(&bed).await;
    assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
    // Since 5.18 the kernel gives an empty first argument to whoever has none.
    let list = &origin.arguments.list;
    assert!(list.is_empty() || list == &[""], "{list:?}");
    assert!(!origin.arguments.cut);
}

#[tokio::test]
async fn a_long_command_line_is_cut_and_says_so() {
    let bed = Bed::new();
    let room = Room::new("long");
    let file = room.0.join("script");
    fs::write(&file, script("weir();")).expect("a script");
    let mut command = program(&bed, PERL);
    command.arg(&file).arg("x".repeat(600)).arg("unseen");
    run(command).await;
    let origin = origin(&bed).await;
    assert!(origin.arguments.cut);
    let [first, second, last] = origin.arguments.list.as_slice() else {
        panic!("{:?}", origin.arguments)
    };
    assert_eq!((&**first, Path::new(second)), (PERL, &*file));
    let bytes = first.len() + second.len() + last.len() + 2;
    assert_eq!(bytes, 512);
    assert_eq!(last, &"x".repeat(last.len()));
}

#[tokio::test]
async fn a_process_that_calls_itself_something_else_keeps_its_executable() {
    let bed = Bed::new();
    run(perl(&bed, r#"$0 = "innocent"; weir();"#)).await;
    let origin = origin(&bed).await;
    assert_eq!(origin.comm, "innocent");
    assert_eq!(origin.arguments.list[0], "innocent");
    assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
    assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
}

#[tokio::test]
async fn of_a_script_the_interpreter_is_the_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let bed = Bed::new();
    let room = Room::new("script");
    let path = room.0.join("script");
    let draft = room.0.join("draft");
    fs::write(&draft, format!("#!{PERL}\n{}", script("weir();"))).expect("a script");
    copy(&draft, &path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut command = program(&bed, &path);
    command.arg("argument");
    run(command).await;
    let origin = origin(&bed).await;
    assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
    let line = [PERL, &path.to_string_lossy(), "argument"];
    assert_eq!(origin.arguments.list, line);
    assert_eq!(origin.comm, "script");
}

#[tokio::test]
async fn a_thread_that_outlives_the_first_speaks_for_the_process() {
    let bed = Bed::new();
    let mut agent = Agent::new("leaderless", &["127.77.0.1:5432"])
        .within(&bed.workload.0)
        .spawn();
    agent.wait_for("connected").await;
    let origin = origin(&bed).await;
    assert_eq!(origin.pid.get(), agent.pid());
    assert_eq!(origin.exe, std::env::current_exe().ok());
    assert_eq!(origin.arguments.list[0], "/proc/self/exe");
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).expect("it lives");
    assert_eq!(kin::ticks(&origin), kin::ticks_in(&stat));
    agent.kill().await;
}

/// The same socket, connected again by another program before anybody has looked at the first
/// connection: each keeps its own.
#[tokio::test]
async fn a_socket_connected_twice_is_two_calls() {
    let bed = Bed::new();
    let again = r#"
        $s = weir();
        connect($s, pack("S x14", 0)) or die "disconnect: $!";
        open(my $same, "<&=", fileno($s));
        exec "/usr/bin/perl", "-e", q{
            use Socket;
            open(my $s, "+<&=", $ARGV[0]) or die "open: $!";
            connect($s, pack_sockaddr_in(5432, inet_aton("127.77.0.2"))) or die "connect: $!";
        }, fileno($s);
    "#;
    run(perl(&bed, again)).await;
    let (first, second) = (accept(&bed).await, accept(&bed).await);
    assert_eq!(first.cookie, second.cookie);
    assert_eq!(first.orig_dst.to_string(), "127.77.0.1:5432");
    assert_eq!(second.orig_dst.to_string(), "127.77.0.2:5432");
    let (first, second) = (
        attribute::origin(&first).await,
        attribute::origin(&second).await,
    );
    assert!(first.arguments.list[2].contains("sub weir"));
    assert!(
        second.arguments.list[2].contains("127.77.0.2")
            && !second.arguments.list[2].contains("sub weir")
    );
}
