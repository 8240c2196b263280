//! Unix sockets of the host, dialled for real by the command: those that it must not reach and
//! those that it must.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    process::{Child as Process, Stdio},
};

use super::{super::super::landlock, *};

/// Tries each name; `@` stands for an abstract one. A line each: OK, or the error's name.
const DIAL: &str = "/usr/bin/python3 -c 'import errno,socket,sys\n\
    for name in sys.argv[2:]:\n\
    \x20   s = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[1]))\n\
    \x20   try:\n\
    \x20       s.connect(name.replace(\"@\", chr(0)))\n\
    \x20       print(\"OK\")\n\
    \x20   except OSError as e: print(errno.errorcode[e.errno])\n\
    ' ";

/// A directory of the test's own that everybody may enter.
fn directory(parent: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir_in(parent).unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    dir
}

/// A listening socket that everybody may dial.
fn listener(path: &Path) -> UnixListener {
    let listener = UnixListener::bind(path).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    listener
}

/// What the command's tries came to.
async fn dial(kind: &str, names: &[&str]) -> Vec<String> {
    let (told, _) = shell(&format!("{DIAL} {kind} {}", names.join(" "))).await;
    told.lines().map(str::to_owned).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn nothing_of_the_runtime_directory_can_be_dialled() {
    let dir = directory("/run");
    let path = dir.path().join("socket");
    let _listener = listener(&path);
    let elsewhere = Path::new("/var").join(path.strip_prefix("/").unwrap());
    let through = format!("/proc/self/root{}", text(&path));
    let told = dial("SOCK_STREAM", &[text(&path), text(&elsewhere), &through]).await;
    assert_eq!(told, ["ENOENT"; 3]);
    // The socket is fit to be dialled: what hides it is the view.
    std::os::unix::net::UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn a_socket_bound_elsewhere_can_t_be_dialled() {
    let dir = directory("/tmp");
    let stream = dir.path().join("a stream");
    let _stream = listener(&stream);
    let datagram = dir.path().join("datagram");
    let _datagram = UnixDatagram::bind(&datagram).unwrap();
    std::fs::set_permissions(&datagram, PermissionsExt::from_mode(0o777)).unwrap();
    let quoted = format!("'\\''{}'\\''", text(&stream)).replace("'\\''", "\"");
    assert_eq!(dial("SOCK_STREAM", &[&quoted]).await, ["ECONNREFUSED"]);
    assert_eq!(
        dial("SOCK_DGRAM", &[text(&datagram)]).await,
        ["ECONNREFUSED"]
    );
}

#[tokio::test]
async fn a_declared_socket_can_be_dialled_wherever_it_lies() {
    let place = place();
    for parent in ["/run", "/tmp"] {
        let dir = directory(parent);
        let [ours, other] = ["ours", "other"].map(|name| dir.path().join(name));
        let _listeners = [listener(&ours), listener(&other)];
        let gone = dir.path().join("gone");
        let script = format!(
            "exec >/dev/null; {DIAL} SOCK_STREAM {} {} | tr '\\n' ' ' | grep -qx 'OK E[A-Z]* '",
            text(&ours),
            text(&other)
        );
        let command = ["/bin/sh".into(), "-c".into(), script.into()];
        let declared = [ours, gone];
        let mut child = spawn(
            &command,
            &nobody(),
            &place.cgroup,
            Path::new("/ca.pem"),
            &UnixRule::Only(declared.into()),
        )
        .unwrap();
        assert!(child.wait().await.unwrap().success(), "{parent}");
    }
    place.cgroup.remove().unwrap();
}

#[tokio::test]
async fn its_own_sockets_work() {
    let script = "/usr/bin/python3 -c 'import os,socket,tempfile\n\
        with tempfile.TemporaryDirectory() as d:\n\
        \x20   for name in (d + \"/s\", chr(0) + d, \"/run/user/65534/s\"):\n\
        \x20       l = socket.socket(socket.AF_UNIX); l.bind(name); l.listen()\n\
        \x20       if os.fork() == 0:\n\
        \x20           c = socket.socket(socket.AF_UNIX); c.connect(name); c.send(b\"heard\"); os._exit(0)\n\
        \x20       print(l.accept()[0].recv(9).decode())'";
    let (told, _) = shell(script).await;
    assert_eq!(told, "heard\nheard\nheard\n");
}

#[tokio::test]
async fn abstract_sockets_of_the_host_can_t_be_dialled() {
    let name = format!("weir-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let told = dial("SOCK_STREAM", &[&format!("@{name}")]).await;
    if let Some(missing) = landlock::missing() {
        eprintln!("{missing}");
        assert_eq!(told, ["OK"]);
    } else {
        assert_eq!(told, ["EPERM"]);
    }
}

/// Another process of the same user, outside of weir.
struct Outside(Process);

impl Outside {
    fn start() -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("sleep");
        command
            .arg("60")
            .uid(65_534)
            .gid(65_534)
            .stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn the_host_s_files_can_t_be_reached_by_another_process() {
    if landlock::missing().is_some() {
        eprintln!("this kernel has no Landlock scopes");
        return;
    }
    let dir = directory("/run");
    let path = dir.path().join("socket");
    let _listener = listener(&path);
    let outside = Outside::start();
    let pid = outside.0.id();
    let through = ["root", "cwd/.."].map(|link| format!("/proc/{pid}/{link}{}", text(&path)));
    let through = through.each_ref().map(String::as_str);
    assert_eq!(dial("SOCK_STREAM", &through).await, ["EACCES"; 2]);

    // Nor by becoming that process, or joining its mounts.
    let script = format!(
        "/usr/bin/python3 -c 'import ctypes,os\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         print(libc.ptrace(16, {pid}, 0, 0), ctypes.get_errno())\n\
         for path in (\"/proc/{pid}/mem\", \"/proc/{pid}/ns/mnt\"):\n\
         \x20   try: print(os.open(path, os.O_RDONLY))\n\
         \x20   except OSError as e: print(e.errno)'"
    );
    let (told, _) = shell(&script).await;
    assert_eq!(told, "-1 1\n13\n13\n");
}

#[tokio::test]
async fn a_user_namespace_of_its_own_uncovers_nothing() {
    let dir = directory("/run");
    let path = dir.path().join("socket");
    let _run = listener(&path);
    let other = directory("/tmp");
    let masked = other.path().join("socket");
    let _tmp = listener(&masked);
    let script = format!(
        "unshare -Urm sh -c 'mount -t tmpfs none /mnt && echo mounts; \
         umount /run || umount -l /run; umount {masked}; \
         mount --bind / /mnt; ls /mnt{path}; mount --rbind / /mnt; umount /mnt/run; ls /mnt{path}' 2>/dev/null; \
         {DIAL} SOCK_STREAM {path} {masked}",
        path = text(&path),
        masked = text(&masked),
    );
    let (told, _) = shell(&script).await;
    assert_eq!(told, "mounts\nENOENT\nECONNREFUSED\n");
}

#[tokio::test]
async fn what_does_no_harm_is_still_there() {
    let account = nobody();
    let script = "cat /etc/resolv.conf >/dev/null && echo resolvers; \
        touch /tmp/weir-test-$$ && rm /tmp/weir-test-$$ && echo temporary; \
        touch /run/lock/x /run/user/$(id -u)/x && echo places; \
        (touch /run/x) 2>/dev/null || echo root\\'s; \
        stat -c %a /run /run/user; pwd; ls /run";
    let (told, _) = shell(script).await;
    let here = std::env::current_dir().unwrap();
    let expected = format!(
        "resolvers\ntemporary\nplaces\nroot's\n755\n755\n{}\n",
        text(&here)
    );
    let listed = told.strip_prefix(&expected);
    let listed = listed.unwrap_or_else(|| panic!("{told}"));
    for name in listed.lines() {
        assert!(
            [
                "lock",
                "user",
                "shm",
                "utmp",
                "systemd",
                "resolvconf",
                "NetworkManager",
                "connman"
            ]
            .contains(&name),
            "{listed}"
        );
    }
    assert!(
        std::fs::exists(format!("/run/user/{}", account.uid)).is_ok_and(|there| !there),
        "nothing was made on the host"
    );
}

#[tokio::test]
async fn the_authority_can_be_read_in_the_runtime_directory() {
    let place = place();
    let pem = tempfile::NamedTempFile::new_in("/run").unwrap();
    std::fs::write(pem.path(), "certificate").unwrap();
    std::fs::set_permissions(pem.path(), PermissionsExt::from_mode(0o644)).unwrap();
    let command = [
        "/bin/sh".into(),
        "-c".into(),
        "test \"$(cat $WEIR_CA)\" = certificate".into(),
    ];
    let mut child = spawn(
        &command,
        &nobody(),
        &place.cgroup,
        pem.path(),
        &UnixRule::default(),
    )
    .unwrap();
    assert!(child.wait().await.unwrap().success());
    place.cgroup.remove().unwrap();
}

#[tokio::test]
async fn the_host_s_own_mounts_stay_as_they_were() {
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let dir = directory("/tmp");
    let path = dir.path().join("socket");
    let _listener = listener(&path);
    let before = mounts();
    shell("true").await;
    assert_eq!(mounts(), before);
    std::os::unix::net::UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn where_every_socket_is_declared_the_host_is_seen_as_it_is() {
    let place = place();
    let dir = directory("/run");
    let path = dir.path().join("socket");
    let _listener = listener(&path);
    let script = format!(
        "exec >/dev/null; {DIAL} SOCK_STREAM {} | grep -qx OK",
        text(&path)
    );
    let command = ["/bin/sh".into(), "-c".into(), script.into()];
    let mut child = spawn(
        &command,
        &nobody(),
        &place.cgroup,
        Path::new("/ca.pem"),
        &UnixRule::Open,
    )
    .unwrap();
    assert!(child.wait().await.unwrap().success());
    place.cgroup.remove().unwrap();
}
