//! A gate: sessions served as the engine serves them, on a port of their own instead of behind the
//! eBPF programs, in front of a real PostgreSQL.

pub mod alone;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use testbed::{Output, Postgres, Spawn};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
};
use weir_agent::{
    admit::{Admitted, admit},
    approve::{Approvals, Desk, Limits as Waits},
    config::{Config, WorkloadName},
    engine::Workers,
    mask::key::MaskKey,
    route::Routes,
    session::{
        Kills, Switch, Watched,
        postgres::{self, Cancels, Catalogues, Services},
    },
    signals::Signals,
    tls::Authority,
};
use weir_policy::{Policies, Subject};
use weir_record::{Process, Recorder, SessionId, SessionStart, SessionWriter, Summary};
use weir_wire::postgres::Limits;

pub struct Gate {
    pub address: SocketAddr,
    pub records: PathBuf,
    pub policies: watch::Sender<Arc<Policies>>,
    pub subject: watch::Sender<Arc<Subject>>,
    pub shutdown: watch::Sender<bool>,
    /// Ends all sessions.
    pub switch: Switch,
    pub signals: Arc<Signals>,
    pub approvals: Approvals,
    pub dir: tempfile::TempDir,
    _runtime: Runtime,
    /// Where its sessions are.
    _workers: Arc<Workers>,
}

impl Gate {
    /// A gate in front of `server`, with the shipped policies.
    pub fn before(server: &Postgres) -> Self {
        Self::of(server, Policies::shipped().unwrap())
    }

    /// A gate in front of `server`, with these policies.
    pub fn of(server: &Postgres, policies: Policies) -> Self {
        let password = server.app_password();
        Self::with(server.addr(), &tls_of(server), password, policies)
    }

    /// A gate in front of whatever listens at `upstream`; `tls` is the target's `[target.tls]`.
    pub fn with(upstream: SocketAddr, tls: &str, password: &str, policies: Policies) -> Self {
        Self::in_mode("enforce", upstream, tls, password, policies)
    }

    /// The same for a workload that is only observed.
    pub fn observing(upstream: SocketAddr, tls: &str, password: &str, policies: Policies) -> Self {
        Self::in_mode("observe", upstream, tls, password, policies)
    }

    fn in_mode(
        mode: &str,
        upstream: SocketAddr,
        tls: &str,
        password: &str,
        policies: Policies,
    ) -> Self {
        Self::serving((mode, ""), (upstream, tls, password), policies, None)
    }

    /// A gate whose target has `keys` besides, of workloads in this mode.
    pub fn asking(
        (mode, keys): (&str, &str),
        (upstream, tls, password): (SocketAddr, &str, &str),
        policies: Policies,
    ) -> Self {
        Self::serving((mode, keys), (upstream, tls, password), policies, None)
    }

    /// A gate whose sessions this recorder records.
    pub fn recorded_by(recorder: Recorder, server: &Postgres, policies: Policies) -> Self {
        let target = (server.addr(), tls_of(server));
        let target = (target.0, target.1.as_str(), server.app_password());
        Self::serving(("enforce", ""), target, policies, Some(recorder))
    }

    /// A gate whose sessions must do without io_uring.
    pub fn without_ring(server: &Postgres) -> Self {
        let tls = tls_of(server);
        let target = (server.addr(), tls.as_str(), server.app_password());
        let policies = Policies::shipped().unwrap();
        let workers = Workers::start(false).unwrap();
        Self::on(workers, ("enforce", ""), target, policies, None)
    }

    fn serving(
        how: (&str, &str),
        target: (SocketAddr, &str, &str),
        policies: Policies,
        recorder: Option<Recorder>,
    ) -> Self {
        let workers = Workers::start(true).unwrap();
        Self::on(workers, how, target, policies, recorder)
    }

    fn on(
        workers: Workers,
        (mode, keys): (&str, &str),
        (upstream, tls, password): (SocketAddr, &str, &str),
        policies: Policies,
        recorder: Option<Recorder>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let records = match &recorder {
            Some(recorder) => recorder.dir().to_owned(),
            None => dir.path().join("records"),
        };
        if recorder.is_none() {
            fs::DirBuilder::new().mode(0o700).create(&records).unwrap();
        }
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let target = (upstream, tls, password);
        let config = Arc::new(config((mode, keys), dir.path(), address, target));
        let services = Arc::new(Services {
            authority: Authority::open(&dir.path().join("ca")).unwrap(),
            mask_key: Arc::new(MaskKey::open(&dir.path().join("mask.key")).unwrap()),
            catalogues: Catalogues::default(),
            cancels: Arc::new(Cancels::default()),
            limits: Limits {
                message: 8 << 20,
                ..Limits::default()
            },
        });
        let (policies, shutdown) = (
            watch::Sender::new(Arc::new(policies)),
            watch::Sender::new(false),
        );
        let (watch_policies, watch_shutdown) = (policies.clone(), shutdown.clone());
        let signals = Arc::new(Signals::unkept());
        let watch_signals = Arc::clone(&signals);
        let subject = watch::Sender::new(Arc::new(self::subject()));
        let watch_subject = subject.clone();
        let records_dir = records.clone();
        let (switch, kills) = Kills::switch();
        let approvals = approvals(dir.path());
        let held = approvals.clone();
        let workers = Arc::new(workers);
        let threads = Arc::clone(&workers);
        runtime.spawn(async move {
            let mut count = 0;
            loop {
                let (io, _) = listener.accept().await.unwrap();
                count += 1;
                let start = start(count);
                let who = Subject::clone(&watch_subject.borrow());
                let workload: WorkloadName = config.workloads[0].name.clone();
                let route = Routes::new(&config).route(&workload, address);
                let Admitted::Postgres(admission) = admit(who, route).unwrap() else {
                    panic!("an opaque target");
                };
                let record = match &recorder {
                    Some(recorder) => recorder.create(&start).unwrap(),
                    None => SessionWriter::create(&records_dir, &start).unwrap(),
                };
                let watched = Watched {
                    policies: watch_policies.subscribe(),
                    subject: watch_subject.subscribe(),
                    shutdown: watch_shutdown.subscribe(),
                    killed: kills.clone(),
                    signals: Arc::clone(&watch_signals),
                    approvals: Some(Desk::new(held.clone(), &start)),
                };
                let services = Arc::clone(&services);
                let io = io.into_std().unwrap();
                threads.next().unwrap().spawn(async move {
                    let io = TcpStream::from_std(io).unwrap();
                    postgres::serve(io, admission, record, &services, watched)
                        .await
                        .unwrap();
                });
            }
        });
        Self {
            address,
            records,
            policies,
            subject,
            shutdown,
            switch,
            signals,
            approvals,
            dir,
            _runtime: runtime,
            _workers: workers,
        }
    }

    /// psql through the gate, without a password.
    pub fn psql(&self, sql: &str) -> Output {
        self.psql_with(&["-c", sql])
    }

    pub fn psql_with(&self, arguments: &[&str]) -> Output {
        Spawn::new("psql")
            .args([
                "-X",
                "-A",
                "-t",
                "-h",
                "127.0.0.1",
                "-U",
                "agent",
                "-d",
                "shop",
            ])
            .args(["-p", &self.address.port().to_string()])
            .args(arguments)
            .env("PGCONNECT_TIMEOUT", "10")
            .run()
            .unwrap()
    }

    /// The summaries of the records that can be read; one that is just being made can't.
    pub fn summaries(&self) -> Vec<Summary> {
        weir_record::list(&self.records)
            .unwrap()
            .into_iter()
            .filter_map(Result::ok)
            .collect()
    }

    /// The summaries, once `count` sessions have ended.
    pub fn ended(&self, count: usize) -> Vec<Summary> {
        for _ in 0..200 {
            let all = self.summaries();
            if all.iter().filter(|summary| summary.end.is_some()).count() >= count {
                return all;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("no {count} sessions have ended: {:#?}", self.summaries());
    }
}

pub fn tls_of(server: &Postgres) -> String {
    format!(
        "mode = \"verify-full\"\nca = \"{}\"",
        server.ca_pem_path().display()
    )
}

/// A table of what waits for people, with its journal in `dir`.
pub fn approvals(dir: &Path) -> Approvals {
    let limits = Waits {
        timeout: std::time::Duration::from_secs(60),
        most: 100,
        most_of_subject: 10,
    };
    Approvals::open(&dir.join("approvals.jsonl"), limits, None).unwrap()
}

pub fn subject() -> Subject {
    Subject {
        id: "unix:tester".to_owned(),
        groups: vec!["testers".to_owned()],
        on_behalf_of: None,
    }
}

fn config(
    (mode, keys): (&str, &str),
    dir: &Path,
    gate: SocketAddr,
    (upstream, tls, password): (SocketAddr, &str, &str),
) -> Config {
    let secret = dir.join("password");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&secret)
        .unwrap();
    std::io::Write::write_all(&mut file, password.as_bytes()).unwrap();
    let text = format!(
        r#"
[[identity]]
name = "tester"
kind = "static"
[[workload]]
name = "test"
cgroup = "/weir-test"
identity = "tester"
mode = "{mode}"
[[target]]
name = "db"
protocol = "postgres"
cidrs = ["127.0.0.1/32"]
ports = [{}]
upstream = "{upstream}"
{keys}
[target.tls]
{tls}
[target.credential]
user = "app"
password_file = "{}"
"#,
        gate.port(),
        secret.display()
    );
    Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn start(count: u32) -> SessionStart {
    let now = Timestamp::now();
    SessionStart {
        id: SessionId::new(now, count),
        started: now,
        workload: "test".to_owned(),
        subject: subject().id,
        groups: subject().groups,
        on_behalf_of: None,
        process: Process {
            pid: 1,
            started: None,
            uid: 65534,
            gid: 65534,
            exe: None,
            comm: "psql".to_owned(),
            cgroup: "/weir-test".to_owned(),
            ..Process::default()
        },
        destination: "192.0.2.1:5432".to_owned(),
        destination_name: None,
        target: Some("db".to_owned()),
        protocol: Some("postgres".to_owned()),
        policy_version: "test".to_owned(),
        observed: false,
    }
}
