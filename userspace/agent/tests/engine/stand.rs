//! An engine in this process, over one cgroup and in front of one PostgreSQL.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use testbed::{Identity, Output, Postgres, Running, Spawn};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};
use weir_agent::{
    config::Config,
    engine::{Engine, StartOptions},
};
use weir_intercept::cgroup::Cgroup;
use weir_record::Summary;

use crate::common::tls_of;

/// An engine over one cgroup, with one target; gone with its pins when dropped.
pub(crate) struct Stand {
    engine: Option<Engine>,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    runtime: Runtime,
    pub(crate) cgroup: Cgroup,
    _dir: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Stand {
    pub(crate) fn over(server: &Postgres) -> Self {
        Self::with(|state, cgroup| config_text(state, cgroup, server))
    }

    /// Over the configuration that is made of a state directory and the name of a cgroup.
    pub(crate) fn with(configure: impl FnOnce(&Path, &str) -> String) -> Self {
        let one = one_engine();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "weir-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = tempfile::tempdir().unwrap();
        let text = configure(dir.path(), &name);
        let config = Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let runtime = Runtime::new().unwrap();
        let options = StartOptions {
            instance: name.clone(),
            ..StartOptions::default()
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
            _one: one,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// A command of the agent's: without root, in the cgroup.
    pub(crate) fn agent(&self, program: &str, arguments: &[&str]) -> Output {
        self.agent_with(&[], program, arguments)
    }

    /// The same, with these variables in its environment.
    pub(crate) fn agent_with(
        &self,
        variables: &[(&str, &str)],
        program: &str,
        arguments: &[&str],
    ) -> Output {
        let spawn = variables
            .iter()
            .fold(Spawn::new(program), |spawn, (name, value)| {
                spawn.env(name, value)
            });
        spawn
            .args(arguments)
            .as_user(Identity::nobody())
            .in_cgroup(self.cgroup.path())
            .env("PGCONNECT_TIMEOUT", "10")
            .deadline(Duration::from_secs(30))
            .run()
            .unwrap()
    }

    /// A process that keeps the workload going until it is dropped: sessions end with the last one.
    pub(crate) fn lives(&self) -> Running {
        Spawn::new("sleep")
            .arg("infinity")
            .as_user(Identity::nobody())
            .in_cgroup(self.cgroup.path())
            .start()
            .unwrap()
    }

    pub(crate) fn psql(&self, host: &str, server: &Postgres, sql: &str) -> Output {
        self.psql_each(host, server, &[sql])
    }

    /// One psql session that runs each statement in turn.
    pub(crate) fn psql_each(&self, host: &str, server: &Postgres, statements: &[&str]) -> Output {
        let arguments = psql_arguments(host, server, statements);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.agent("psql", &arguments)
    }

    pub(crate) fn ended(&self, count: usize) -> Vec<Summary> {
        for _ in 0..200 {
            if let Ok(all) = weir_record::list(self.engine().records()) {
                let all: Vec<Summary> = all.into_iter().filter_map(Result::ok).collect();
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

/// A configuration with one workload and one target, and its password file beside it.
pub(crate) fn config_text(state: &Path, cgroup: &str, server: &Postgres) -> String {
    let secret = state.join("password");
    fs::write(&secret, server.app_password()).unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    format!(
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
    )
}

pub(crate) fn server() -> Postgres {
    Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap()
}

/// What psql is given to run statements as an agent does: without a password.
pub(crate) fn psql_arguments(host: &str, server: &Postgres, statements: &[&str]) -> Vec<String> {
    let port = server.port().to_string();
    let reach = ["-XAt", "-h", host, "-p", &port, "-U", "x", "-d", "shop"];
    let statements = statements.iter().flat_map(|statement| ["-c", statement]);
    reach
        .into_iter()
        .chain(statements)
        .map(str::to_owned)
        .collect()
}

/// An engine moves its whole process into a cgroup of its own, so where tests share a process, one
/// of them at a time has an engine.
pub(crate) fn one_engine() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Longer than anything here takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until it holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
