//! What every test stands on: a cgroup for the workload, an engine, agents in other processes.

use std::{
    collections::HashMap,
    future::Future,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::Stdio,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};
use weir_intercept::{
    AcceptError, CgroupId, InterceptError, Intercepted, Interceptor, KernelRefusal, Options, Pid,
    attribute::{self, Origin},
    cgroup::Cgroup,
};

/// Nothing here takes this long; whatever does hangs.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Where this run's pins and cgroups are. Other instances are none of its business.
fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{what}-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The test process itself, in a cgroup of its own while any test needs it: engines in it then stay
/// there, and no test moves the process from under another.
struct Settled;

static SETTLED: Mutex<u32> = Mutex::new(0);

fn own_cgroup() -> Cgroup {
    Cgroup::resolve(format!("/weir-test-{}", std::process::id())).expect("a cgroup v2 mount")
}

fn own_pid() -> Pid {
    Pid::new(std::process::id())
}

impl Settled {
    fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests load eBPF programs and make cgroups: run them as root"
        );
        let mut count = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == 0 {
            own_cgroup().create().expect("a cgroup for the tests");
            own_cgroup().add(own_pid()).expect("to move into it");
        }
        *count += 1;
        Self
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        let mut count = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
        *count -= 1;
        if *count == 0 {
            let left = Cgroup::resolve("/").and_then(|root| root.add(own_pid()));
            // Engines' homes and agents' cgroups are elsewhere: nothing else is in it.
            let removed = left.and_then(|()| own_cgroup().remove());
            assert!(std::thread::panicking() || removed.is_ok(), "{removed:?}");
        }
    }
}

/// A cgroup that is emptied and removed with the test.
pub(crate) struct Workload(pub(crate) Cgroup);

impl Workload {
    pub(crate) fn new() -> Self {
        let cgroup = Cgroup::resolve(format!("/{}", unique("weir-test-agent"))).expect("a mount");
        cgroup.create().expect("a cgroup");
        Self(cgroup)
    }

    /// A cgroup below this one.
    pub(crate) fn below(&self, name: &str) -> Cgroup {
        let cgroup = Cgroup::resolve(self.0.path().join(name)).expect("a path");
        cgroup.create().expect("a cgroup");
        cgroup
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        let gone = self.0.kill_all().and_then(|()| self.0.remove());
        assert!(std::thread::panicking() || gone.is_ok(), "{gone:?}");
    }
}

/// A directory for instances' pins, lifted and removed with the test.
pub(crate) struct PinBase(pub(crate) PathBuf);

impl PinBase {
    pub(crate) fn new() -> Self {
        Self(PathBuf::from("/sys/fs/bpf").join(unique("weir-test")))
    }

    pub(crate) fn options(&self, instance: &str, resolvers: &[IpAddr]) -> Options {
        Options {
            resolvers: resolvers.to_vec(),
            pin_dir: self.0.join(instance),
        }
    }
}

impl Drop for PinBase {
    fn drop(&mut self) {
        let Ok(entries) = std::fs::read_dir(&self.0) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let lifted = weir_intercept::uninstall(&entry.path());
            assert!(std::thread::panicking() || lifted.is_ok(), "{lifted:?}");
        }
        let removed = std::fs::remove_dir(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "{removed:?}");
    }
}

/// An engine with one tagged cgroup. Fields drop in order: the engine first, what it stood on last.
pub(crate) struct Bed {
    pub(crate) weir: Interceptor,
    pub(crate) id: CgroupId,
    pub(crate) workload: Workload,
    pub(crate) pins: PinBase,
    _settled: Settled,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::with_resolvers(&[])
    }

    pub(crate) fn with_resolvers(resolvers: &[IpAddr]) -> Self {
        let ground = Ground::new();
        let mut weir = ground.start("engine", resolvers).expect("an engine");
        let id = weir.tag(&ground.workload.0).expect("a tag");
        let Ground {
            workload,
            pins,
            settled,
        } = ground;
        Self {
            weir,
            id,
            workload,
            pins,
            _settled: settled,
        }
    }

    /// An agent in the tagged cgroup.
    pub(crate) fn agent(&self, task: &str, args: &[&str]) -> Agent {
        Agent::new(task, args).within(&self.workload.0)
    }

    /// Runs an agent to its end while the engine serves it.
    pub(crate) async fn run(&self, task: &str, args: &[&str]) -> (Report, Vec<Caught>) {
        while_serving(&self.weir, self.agent(task, args).report()).await
    }

    /// Runs an agent that the kernel is to refuse once; what it said, and what the kernel did.
    pub(crate) async fn refused(&mut self, agent: Agent) -> (Report, KernelRefusal) {
        let mut refusals = self
            .weir
            .take_refusals()
            .expect("nobody took the refusals yet");
        let report = agent.report().await;
        let refusal = timeout(SOON, refusals.next())
            .await
            .unwrap_or_else(|_| panic!("no refusal was told; the agent said {report:?}"))
            .expect("a refusal");
        (report, refusal)
    }
}

/// What an engine needs, for the tests that start their own.
pub(crate) struct Ground {
    pub(crate) workload: Workload,
    pub(crate) pins: PinBase,
    settled: Settled,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let settled = Settled::new();
        Self {
            workload: Workload::new(),
            pins: PinBase::new(),
            settled,
        }
    }

    pub(crate) fn start(
        &self,
        instance: &str,
        resolvers: &[IpAddr],
    ) -> Result<Interceptor, InterceptError> {
        Interceptor::start(&self.pins.options(instance, resolvers))
    }
}

/// One connection as the engine saw it.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) orig_dst: SocketAddr,
    pub(crate) origin: Origin,
    pub(crate) cookie: u64,
    /// What the agent itself says of this connection: `pid cookie destination`.
    pub(crate) claim: String,
}

/// Accepts and answers connections until `work` is done.
pub(crate) async fn while_serving<T>(
    weir: &Interceptor,
    work: impl Future<Output = T>,
) -> (T, Vec<Caught>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let serve = async {
        loop {
            match weir.accept().await {
                Ok(intercepted) => drop(tokio::spawn(answer(intercepted, sender.clone()))),
                Err(AcceptError::Unattributed { peer }) => panic!("{peer} came unattributed"),
                Err(error) => panic!("{error}"),
            }
        }
    };
    let done = tokio::select! {
        done = timeout(SOON, work) => done.expect("the agent hangs"),
        () = serve => unreachable!("serving has no end"),
    };
    drop(sender);
    let mut caught = Vec::new();
    while let Some(one) = timeout(SOON, receiver.recv())
        .await
        .expect("a connection hangs")
    {
        caught.push(one);
    }
    (done, caught)
}

/// Reads the agent's claim and tells it where it wanted to go.
async fn answer(intercepted: Intercepted, sender: mpsc::UnboundedSender<Caught>) {
    let origin = attribute::origin(&intercepted);
    let orig_dst = intercepted.orig_dst.get();
    let cookie = intercepted.cookie.get();
    let mut io = BufReader::new(intercepted.io);
    let mut claim = String::new();
    // A client that is killed meanwhile has no claim; its test does not look for one.
    let _read = io.read_line(&mut claim).await;
    let _written = io
        .get_mut()
        .write_all(format!("weir {orig_dst}\n").as_bytes())
        .await;
    let claim = claim.trim_end().to_owned();
    let _sent = sender.send(Caught {
        orig_dst,
        origin,
        cookie,
        claim,
    });
}

/// A listener outside every workload, which greets whoever reaches it. Nobody in one should.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    reached: std::sync::Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Target {
    pub(crate) async fn new(ip: &str) -> Self {
        let listener = tokio::net::TcpListener::bind((ip, 0))
            .await
            .expect("a listener");
        let address = listener.local_addr().expect("an address");
        let reached = std::sync::Arc::new(AtomicU32::new(0));
        let count = std::sync::Arc::clone(&reached);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(greet(stream));
            }
        });
        Self {
            address,
            reached,
            task,
        }
    }

    pub(crate) fn reached(&self) -> u32 {
        self.reached.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn greet(stream: TcpStream) {
    let mut io = BufReader::new(stream);
    let _read = io.read_line(&mut String::new()).await;
    let _written = io.get_mut().write_all(b"target\n").await;
}

/// A child process that runs one task of [`super::agent`].
pub(crate) struct Agent {
    task: String,
    args: String,
    cgroup: Option<Cgroup>,
    root: bool,
}

impl Agent {
    /// In the tests' own cgroup and without root, unless said otherwise.
    pub(crate) fn new(task: &str, args: &[&str]) -> Self {
        Self {
            task: task.to_owned(),
            args: args.join(" "),
            cgroup: None,
            root: false,
        }
    }

    pub(crate) fn within(mut self, cgroup: &Cgroup) -> Self {
        self.cgroup = Some(cgroup.clone());
        self
    }

    pub(crate) fn as_root(mut self) -> Self {
        self.root = true;
        self
    }

    pub(crate) fn spawn(self) -> Running {
        // Not by its path, which an agent without root may not be able to reach.
        let mut command = Command::new("/proc/self/exe");
        command
            .args([
                "--exact",
                "--ignored",
                "agent::process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("WEIR_TEST_TASK", &self.task)
            .env("WEIR_TEST_ARGS", &self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let procs = self.cgroup.map(|cgroup| {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(cgroup.path().join("cgroup.procs"))
                .expect("the cgroup exists");
            (file, "0")
        });
        let root = self.root;
        let enter = move || {
            if let Some((file, own)) = &procs {
                nix::unistd::write(file, own.as_bytes())?;
            }
            if !root {
                nix::unistd::setgroups(&[])?;
                nix::unistd::setgid(NOBODY.into())?;
                nix::unistd::setuid(NOBODY.into())?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec, only system calls that allocate nothing.
        unsafe { command.pre_exec(enter) };
        let mut child = command.spawn().expect("the test binary starts again");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Running { child, stdout }
    }

    /// Runs it to its end.
    pub(crate) async fn report(self) -> Report {
        self.spawn().report().await
    }
}

/// The user that agents are.
pub(crate) const NOBODY: u32 = 65534;

/// An agent under way.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<tokio::process::ChildStdout>,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Waits for a line that says `key`, and gives what follows it.
    pub(crate) async fn wait_for(&mut self, key: &str) -> String {
        timeout(SOON, async {
            loop {
                let mut line = String::new();
                let read = self.stdout.read_line(&mut line).await.expect("a line");
                assert_ne!(read, 0, "the agent ended without saying {key}");
                if let Some((found, value)) = said(&line)
                    && found == key
                {
                    return value.to_owned();
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("the agent never said {key}"))
    }

    /// Kills it, as the kernel's out-of-memory killer would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it was running");
    }

    /// Lets it end, and reads what it said meanwhile.
    pub(crate) async fn report(mut self) -> Report {
        drop(self.child.stdin.take());
        let pid = self.child.id();
        let mut text = String::new();
        let ended = timeout(SOON, async {
            self.stdout.read_to_string(&mut text).await.expect("text");
            self.child.wait().await.expect("it ends")
        });
        let status = ended.await.expect("the agent hangs");
        assert!(status.success(), "the agent failed: {text}");
        let said = text
            .lines()
            .filter_map(said)
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        Report {
            pid: pid.expect("it was running"),
            said: said.collect(),
        }
    }
}

/// What an agent said: `=key value` lines among what the test runner prints.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) pid: u32,
    said: HashMap<String, String>,
}

impl Report {
    pub(crate) fn get(&self, key: &str) -> &str {
        self.said
            .get(key)
            .unwrap_or_else(|| panic!("the agent said no {key}, but {self:?}"))
    }
}

fn said(line: &str) -> Option<(&str, &str)> {
    let (_, line) = line.trim_end().split_once('=')?;
    Some(line.split_once(' ').unwrap_or((line, "")))
}
