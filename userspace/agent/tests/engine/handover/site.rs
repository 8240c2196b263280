//! Where daemons of one instance run one after another: a workload, a target that is not read, and
//! agents that dial it.
//!
//! Every dial goes to an address of its own, so that each is told from all others on record.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use testbed::{Identity, Output, Running, Spawn};
use weir_intercept::cgroup::Cgroup;
use weir_record::ReadError;

use super::manager::{Manager, Named, Service};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// Dials 127.N.x.y until SIGTERM, says what it is, waits for the answer.
const DIAL: &str = "
import os, signal, socket, sys
network, port, most = map(int, sys.argv[1:])
going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
for n in range(most):
    if not going:
        break
    address = f'127.{network}.{n >> 8}.{n & 255}'
    dialling = socket.socket()
    try:
        dialling.connect((address, port))
    except OSError as error:
        print('failed', address, error.errno, flush=True)
        continue
    try:
        dialling.sendall(f'{address} {os.getpid()}\\n'.encode())
        print('served' if dialling.recv(8) == b'yes\\n' else 'cut', address, flush=True)
    except OSError:
        print('cut', address, flush=True)
    dialling.close()
";

/// Connects once and is gone.
const KNOCK: &str = "
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])))
";

pub(super) struct Site {
    pub(super) manager: Manager,
    name: String,
    config: PathBuf,
    cgroup: Cgroup,
    /// Stands where the agents dial; weir dials elsewhere.
    dialled: TcpListener,
    seen: Arc<Mutex<HashSet<String>>>,
    dir: tempfile::TempDir,
}

impl Site {
    pub(super) fn new(purpose: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name = format!("weir-test-{purpose}-{}", std::process::id());
        let dialled = TcpListener::bind("0.0.0.0:0").unwrap();
        dialled.set_nonblocking(true).unwrap();
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = dir.path().join("weir.toml");
        let text = format!(
            r#"
[engine]
state = "{state}"
socket = "{state}/weir.sock"
resolvers = ["127.9.9.9"]
[[identity]]
name = "bot"
kind = "static"
[[workload]]
name = "bot"
cgroup = "/{name}"
create = true
identity = "bot"
[[target]]
name = "echo"
protocol = "tcp"
cidrs = ["127.64.0.0/10"]
ports = [{dialled}]
upstream = "{upstream}"
"#,
            state = dir.path().display(),
            dialled = dialled.local_addr().unwrap().port(),
            upstream = target.local_addr().unwrap(),
        );
        fs::write(&config, text).unwrap();
        let seen = Arc::default();
        serve(target, Arc::clone(&seen));
        Self {
            manager: Manager::within(dir.path()),
            config,
            cgroup: Cgroup::resolve(format!("/{name}")).unwrap(),
            name,
            dialled,
            seen,
            dir,
        }
    }

    /// A daemon that is passed these descriptors.
    pub(super) fn start(&self, passed: &[Named]) -> Service {
        let config = self.config.to_str().unwrap();
        let command = [WEIR, "daemon", "--instance", &self.name, "--config", config];
        self.manager.start(&command, passed)
    }

    /// An agent that dials at most so many addresses of 127.N.0.0/16, one after another.
    pub(super) fn agent(&self, network: u8, most: u16) -> Running {
        let arguments = [network.to_string(), self.port(), most.to_string()];
        self.python(DIAL, &arguments).start().unwrap()
    }

    /// A process that connects and is gone; its id.
    pub(super) fn knock(&self, address: Ipv4Addr) -> u32 {
        let running = self
            .python(KNOCK, &[address.to_string(), self.port()])
            .start()
            .unwrap();
        let id = pid(&running);
        let out = running.wait().unwrap();
        assert!(out.status.success(), "{}", out.stderr_text());
        id
    }

    fn python(&self, script: &str, arguments: &[String]) -> Spawn {
        Spawn::new("python3")
            .args(["-c", script])
            .args(arguments)
            .as_user(Identity::nobody())
            .in_cgroup(self.cgroup.path())
            .deadline(Duration::from_secs(120))
    }

    fn port(&self) -> String {
        self.dialled.local_addr().unwrap().port().to_string()
    }

    /// Waits until the target has seen so many more dials.
    pub(super) fn see_more(&self, count: usize) {
        let before = lock(&self.seen).len();
        let began = Instant::now();
        while lock(&self.seen).len() < before + count {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "nobody is served: {}",
                self.manager.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the target was told: addresses with the ids of the processes that dialled them.
    pub(super) fn seen(&self) -> HashMap<String, u32> {
        let seen = lock(&self.seen);
        let told = seen.iter().filter_map(|line| line.split_once(' '));
        told.map(|(address, id)| (address.to_owned(), id.parse().unwrap()))
            .collect()
    }

    /// Whether anybody came by another way than weir.
    pub(super) fn was_gone_around(&self) -> bool {
        self.dialled.accept().is_ok()
    }

    /// The processes on record, by the address that they dialled. A daemon that was killed between
    /// making a record and writing its first event leaves it empty, and nothing was forwarded.
    pub(super) fn recorded(&self) -> HashMap<String, weir_record::Process> {
        let mut all = HashMap::new();
        for summary in weir_record::list(&self.dir.path().join("records")).unwrap() {
            let start = match summary {
                Err(ReadError::Empty { .. }) => continue,
                other => other.unwrap().start,
            };
            if start.target.as_deref() != Some("echo") {
                continue;
            }
            let (address, _) = start.destination.rsplit_once(':').unwrap();
            let twice = all.insert(address.to_owned(), start.process);
            assert!(twice.is_none(), "{address} is on record twice");
        }
        all
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.cgroup.kill_all().ok();
        weir_intercept::uninstall(&Path::new("/sys/fs/bpf/weir").join(&self.name)).ok();
        self.cgroup.remove().ok();
    }
}

/// How each dial of an agent ended, by address.
pub(super) fn ends(out: &Output) -> HashMap<String, String> {
    let text = out.stdout_text();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(end, address)| (address.to_owned(), end.to_owned()))
        .collect()
}

pub(super) fn pid(running: &Running) -> u32 {
    running.pid().as_raw().cast_unsigned()
}

/// The target: answers each line, and remembers it.
fn serve(target: TcpListener, seen: Arc<Mutex<HashSet<String>>>) {
    thread::spawn(move || {
        for stream in target.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            thread::spawn(move || answer(&stream, &seen));
        }
    });
}

fn answer(mut stream: &TcpStream, seen: &Mutex<HashSet<String>>) {
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line).is_ok() && line.ends_with('\n') {
        lock(seen).insert(line.trim_end().to_owned());
        stream.write_all(b"yes\n").ok();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
