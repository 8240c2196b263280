//! A gate for opaque connections: a workload, one target, and the engine's way from a route to the
//! record's end.

use std::{
    fs,
    net::{SocketAddr, TcpListener as Server},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};
use weir_agent::{
    admit::{Admitted, admit},
    approve::{Approvals, Desk},
    config::{Config, WorkloadName},
    route::Routes,
    session::{Kills, Switch, Watched, opaque},
    signals::Signals,
};
use weir_policy::{Policies, Subject};
use weir_record::{SessionId, SessionStart, SessionWriter, Summary};

use crate::{
    common::{approvals, start, subject},
    records,
};

pub(crate) struct OpaqueGate {
    pub(crate) address: SocketAddr,
    pub(crate) records: PathBuf,
    pub(crate) policies: watch::Sender<Arc<Policies>>,
    pub(crate) subject: watch::Sender<Arc<Subject>>,
    pub(crate) shutdown: watch::Sender<bool>,
    /// Ends all sessions.
    pub(crate) switch: Switch,
    pub(crate) approvals: Approvals,
    _dir: tempfile::TempDir,
    _runtime: Runtime,
}

impl OpaqueGate {
    /// A gate in front of an opaque target with these lines.
    pub(crate) fn declared(server: &Server, lines: &str) -> Self {
        let upstream = server.local_addr().unwrap();
        Self::new(|gate| {
            let port = gate.port();
            let target = format!(
                "[[target]]\nname = \"cache\"\nprotocol = \"tcp\"\nhosts = [\"127.0.0.1\"]\n\
                 ports = [{port}]\nupstream = \"{upstream}\"\n{lines}\n"
            );
            (target, gate)
        })
    }

    /// A gate for an observed workload that dials a server which nobody declared.
    pub(crate) fn undeclared(server: &Server) -> Self {
        let dialled = server.local_addr().unwrap();
        Self::new(|_| ("mode = \"observe\"\n".to_owned(), dialled))
    }

    /// `config` says what follows the workload's stanza, and where the workload dials.
    fn new(config: impl FnOnce(SocketAddr) -> (String, SocketAddr)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records");
        fs::DirBuilder::new().mode(0o700).create(&records).unwrap();
        let approvals = approvals(dir.path());
        let held = approvals.clone();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (lines, dialled) = config(address);
        let text = format!(
            "[[identity]]\nname = \"tester\"\nkind = \"static\"\n[[workload]]\nname = \"test\"\n\
             cgroup = \"/weir-test\"\nidentity = \"tester\"\n{lines}"
        );
        let config = Config::parse("weir.toml", &text).unwrap_or_else(|e| panic!("{e}"));
        let policies = watch::Sender::new(Arc::new(Policies::shipped().unwrap()));
        let shutdown = watch::Sender::new(false);
        let (watch_policies, watch_shutdown) = (policies.clone(), shutdown.clone());
        let subject = watch::Sender::new(Arc::new(self::subject()));
        let watch_subject = subject.clone();
        let records_dir = records.clone();
        let (switch, kills) = Kills::switch();
        let signals = Arc::new(Signals::unkept());
        runtime.spawn(async move {
            let workload: WorkloadName = "test".parse().unwrap();
            for count in 0.. {
                let (io, _) = listener.accept().await.unwrap();
                let route = Routes::new(&config).route(&workload, dialled);
                let Admitted::Opaque(passage) = admit(self::subject(), route).unwrap() else {
                    panic!("not opaque");
                };
                let now = Timestamp::now();
                let start = SessionStart {
                    id: SessionId::new(now, count),
                    started: now,
                    destination: dialled.to_string(),
                    target: passage.target().map(|target| target.name.to_string()),
                    protocol: passage.target().map(|target| target.protocol().to_string()),
                    ..start(count)
                };
                let record = SessionWriter::create(&records_dir, &start).unwrap();
                let watched = Watched {
                    policies: watch_policies.subscribe(),
                    subject: watch_subject.subscribe(),
                    shutdown: watch_shutdown.subscribe(),
                    killed: kills.clone(),
                    signals: Arc::clone(&signals),
                    approvals: Some(Desk::new(held.clone(), &start)),
                };
                tokio::spawn(async move {
                    opaque::serve(io, passage, record, watched).await.unwrap();
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
            approvals,
            _dir: dir,
            _runtime: runtime,
        }
    }

    /// The summaries of the records that can be read, newest first.
    pub(crate) fn summaries(&self) -> Vec<Summary> {
        records::summaries(&self.records)
    }

    /// The summaries, once `count` sessions have ended.
    pub(crate) fn ended(&self, count: usize) -> Vec<Summary> {
        records::ended(&self.records, count)
    }
}
