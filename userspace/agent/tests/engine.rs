//! The whole way: a process without root in a tagged cgroup, the real eBPF programs, the engine, a
//! real PostgreSQL at its ordinary address.
//!
//! Needs root and a cgroup v2 hierarchy; says so when it hasn't got them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses its own part of the gate"
)]
mod common;

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use common::tls_of;
use testbed::{Identity, Output, Postgres, Spawn};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};
use weir_agent::{
    config::Config,
    engine::{Engine, StartOptions},
};
use weir_intercept::cgroup::Cgroup;
use weir_record::{End, Summary};

/// An engine over one cgroup, with one target; gone with its pins when dropped.
struct Stand {
    engine: Option<Engine>,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    runtime: Runtime,
    cgroup: Cgroup,
    _dir: tempfile::TempDir,
}

impl Stand {
    fn over(server: &Postgres) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "weir-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), &name, server);
        let runtime = Runtime::new().unwrap();
        let options = StartOptions {
            instance: name.clone(),
            policies: None,
        };
        let engine = runtime
            .block_on(Engine::start(config, options))
            .expect("these tests need root, eBPF and a cgroup v2 hierarchy (see `weir doctor`)");
        let (stop, stopped) = oneshot::channel();
        let serving = {
            let engine = engine.clone();
            runtime.spawn(async move {
                engine.serve(async { drop(stopped.await) }).await.unwrap();
            })
        };
        let cgroup = Cgroup::resolve(format!("/{name}")).unwrap();
        Self {
            engine: Some(engine),
            serving: Some((stop, serving)),
            runtime,
            cgroup,
            _dir: dir,
        }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// A command of the agent's: without root, in the cgroup.
    fn agent(&self, program: &str, arguments: &[&str]) -> Output {
        Spawn::new(program)
            .args(arguments)
            .as_user(Identity::nobody())
            .in_cgroup(self.cgroup.path())
            .env("PGCONNECT_TIMEOUT", "10")
            .deadline(Duration::from_secs(30))
            .run()
            .unwrap()
    }

    fn psql(&self, host: &str, server: &Postgres, sql: &str) -> Output {
        let port = server.port().to_string();
        self.agent(
            "psql",
            &[
                "-XAt", "-h", host, "-p", &port, "-U", "x", "-d", "shop", "-c", sql,
            ],
        )
    }

    fn ended(&self, count: usize) -> Vec<Summary> {
        for _ in 0..200 {
            if let Ok(all) = weir_record::list(self.engine().records()) {
                let all: Vec<Summary> = all.into_iter().map(Result::unwrap).collect();
                if all.iter().filter(|summary| summary.end.is_some()).count() >= count {
                    return all;
                }
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("no {count} sessions have ended");
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.cgroup.kill_all().ok();
        if let Some((stop, serving)) = self.serving.take() {
            stop.send(()).ok();
            self.runtime.block_on(serving).ok();
        }
        if let Some(engine) = self.engine.take() {
            engine.lift().ok();
        }
        self.cgroup.remove().ok();
    }
}

fn config(state: &Path, cgroup: &str, server: &Postgres) -> Config {
    let secret = state.join("password");
    fs::write(&secret, server.app_password()).unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
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
cgroup = "/{cgroup}"
create = true
identity = "bot"
[[target]]
name = "orders-db"
protocol = "postgres"
hosts = ["127.0.0.1", "::1"]
ports = [{port}]
upstream = "127.0.0.1:{port}"
[target.tls]
{tls}
[target.credential]
user = "{user}"
password_file = "{secret}"
"#,
        state = state.display(),
        port = server.port(),
        tls = tls_of(server),
        user = server.app_user(),
        secret = secret.display(),
    );
    Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn server() -> Postgres {
    Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap()
}

#[test]
fn an_agent_without_a_password_is_served_by_both_families_and_masked() {
    let server = server();
    let stand = Stand::over(&server);
    let clear = server
        .psql_as_superuser("SELECT email FROM people")
        .unwrap();
    for host in ["127.0.0.1", "::1"] {
        let out = stand.psql(host, &server, "SELECT id, email FROM people ORDER BY id");
        let shown = out.stdout_text();
        assert!(shown.starts_with("1|"), "{shown}\n{}", out.stderr_text());
        assert!(clear.lines().all(|email| !shown.contains(email)), "{shown}");
    }
    let ended = stand.ended(2);
    for session in &ended {
        assert_eq!(session.end, Some(End::Closed));
        assert_eq!(session.start.subject, "workload:bot");
        assert_eq!(session.start.process.uid, 65534);
        assert_eq!(session.start.process.comm, "psql");
        assert!(
            session
                .start
                .process
                .exe
                .as_deref()
                .is_some_and(|exe| exe.contains("psql"))
        );
    }
}

#[test]
fn an_undeclared_destination_is_refused_explained_and_recorded() {
    let server = server();
    let stand = Stand::over(&server);
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let port = elsewhere.local_addr().unwrap().port().to_string();
    let out = stand.agent(
        "psql",
        &[
            "-XAt",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "x",
            "-c",
            "SELECT 1",
        ],
    );
    let error = out.stderr_text();
    assert!(error.contains("undeclared-destination"), "{error}");
    assert!(
        elsewhere.accept().is_err(),
        "the listener must not see a connection"
    );
    let ended = stand.ended(1);
    assert!(ended.iter().all(
        |s| matches!(&s.end, Some(End::Refused { rule, .. }) if rule == "undeclared-destination")
    ));
}

#[test]
fn what_is_no_tcp_is_refused_by_the_kernel_and_told() {
    let server = server();
    let stand = Stand::over(&server);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to: SocketAddr = elsewhere.local_addr().unwrap();
    let script = format!(
        "import socket\n\
         def attempt(f):\n\
        \x20   try: f(); print('went out')\n\
        \x20   except OSError as e: print('refused', e.errno)\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port})))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', {port})))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))\n",
        port = to.port()
    );
    let out = stand.agent("python3", &["-c", &script]);
    // A ping socket: EACCES where the group may not have one anyway (ping_group_range).
    let shown = out.stdout_text().replace("refused 13", "refused 1");
    assert_eq!(shown, "refused 1\n".repeat(5), "{}", out.stderr_text());
    assert!(elsewhere.recv(&mut [0; 8]).is_err());
    for _ in 0..100 {
        if stand.engine().kernel_refusals().len() >= 4 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = stand.engine().kernel_refusals();
    assert!(
        told.iter()
            .any(|r| r.protocol == "udp" && r.destination.as_deref() == Some(&to.to_string())),
        "{told:?}"
    );
    assert!(told.iter().any(|r| r.protocol == "mptcp"), "{told:?}");
}
