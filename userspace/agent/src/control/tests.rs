//! The API over a real socket, with real records and a daemon that governs nothing.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;
use weir_identity::{People, Provider, SignIns, oidc};
use weir_record::{
    Durability, End, Options, Process, RecordError, Recorder, SessionId, SessionStart,
    SessionWriter, SigningKey,
    retain::{self, Due},
};

use weir_store::Indexer;

use super::{
    Api, Ended, Server,
    client::{Client, ClientError},
    rooms::{
        AccessRoom, ApprovalRoom, Host, IdentityRoom, PolicyRoom, ProfileRoom, SessionRoom,
        SignInRoom, StatusRoom,
    },
};
use crate::{
    access::AccessDesk,
    approve::{Approvals, Limits},
    audit::{Audit, AuditEvent},
    engine::{
        InterceptionStatus, KillError, PolicyStatus, ReadPolicies, ReloadError, Reloaded, Status,
    },
    identity::RegistryError,
    session::Killed,
    signals::Signals,
};

mod access;
mod approvals;
mod callers;
mod profiles;
mod sessions;
mod sign_in;
mod watch;

fn recorder(records: &Path) -> Recorder {
    Recorder::open(Options {
        dir: records.to_owned(),
        key: SigningKey::open(records.parent().unwrap()).unwrap(),
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

/// A daemon whose answers are set by the test.
#[derive(Clone)]
struct Told(Arc<State>);

struct State {
    records: PathBuf,
    index: Indexer,
    governed: Mutex<Vec<String>>,
    people: People,
    approvals: Approvals,
    sign_ins: SignIns,
    access: AccessDesk,
    policies_are_bad: bool,
    signals: Signals,
    /// The sessions that are live.
    live: Mutex<Vec<SessionId>>,
    killed: Mutex<Vec<Killed>>,
    /// What is in the log of events.
    audited: Mutex<Vec<serde_json::Value>>,
}

impl Host for Told {
    fn governed(&self) -> Vec<String> {
        self.0.governed.lock().unwrap().clone()
    }

    fn people(&self) -> &People {
        &self.0.people
    }

    fn audit(&self, event: &AuditEvent<'_>) {
        let event = serde_json::to_value(event).unwrap();
        self.0.audited.lock().unwrap().push(event);
    }
}

impl StatusRoom for Told {
    fn metrics(&self) -> String {
        "# TYPE weir_info gauge\nweir_info 1\n".to_owned()
    }

    fn status(&self) -> Status {
        Status {
            version: "0.1.0".into(),
            instance: "test".into(),
            started: "2026-11-21T10:00:00Z".parse().unwrap(),
            policy: PolicyStatus {
                version: "0011223344556677".into(),
                source: "shipped".into(),
                loaded: "2026-11-21T10:00:00Z".parse().unwrap(),
            },
            interception: InterceptionStatus {
                port: 4242,
                programs: Vec::new(),
                workloads: Vec::new(),
            },
            targets: Vec::new(),
            sessions: Vec::new(),
            identities: Vec::new(),
            kernel_refusals: 0,
            budgets: Vec::new(),
            sinks: Vec::new(),
            telemetry: Default::default(),
        }
    }
}

impl SessionRoom for Told {
    fn records(&self) -> &Path {
        &self.0.records
    }

    fn index(&self) -> Option<&Indexer> {
        Some(&self.0.index)
    }

    fn live(&self) -> Vec<SessionId> {
        self.0.live.lock().unwrap().clone()
    }

    fn kept(&self) -> retain::Limits {
        retain::Limits::default()
    }

    fn due(&self, limits: retain::Limits) -> Result<Vec<Due>, RecordError> {
        recorder(&self.0.records).due(limits)
    }

    fn prune(&self, limits: retain::Limits) -> Result<Vec<Due>, RecordError> {
        recorder(&self.0.records).prune(limits)
    }

    async fn kill(&self, prefix: &str, killed: Killed) -> Result<Ended, KillError> {
        let mut live = self.0.live.lock().unwrap();
        let found = live
            .iter()
            .position(|id| id.to_string().starts_with(prefix));
        let Some(place) = found else {
            return Err(KillError::NotLive(prefix.to_owned()));
        };
        self.0.killed.lock().unwrap().push(killed);
        let id = live.remove(place);
        Ok(Ended { id, over: true })
    }
}

impl ApprovalRoom for Told {
    fn approvals(&self) -> &Approvals {
        &self.0.approvals
    }
}

impl SignInRoom for Told {
    fn sign_ins(&self) -> &SignIns {
        &self.0.sign_ins
    }
}

impl IdentityRoom for Told {
    fn revoke(&self, name: &str, _revoked: bool) -> Result<bool, RegistryError> {
        match name {
            "ci-bot" => Ok(true),
            other => Err(RegistryError::Unknown(other.to_owned())),
        }
    }
}

impl AccessRoom for Told {
    fn access(&self) -> &AccessDesk {
        &self.0.access
    }

    fn refresh_grants(&self) {}
}

impl ProfileRoom for Told {
    fn signals(&self) -> &Signals {
        &self.0.signals
    }
}

impl PolicyRoom for Told {
    fn reload_policies(&self) -> Result<Reloaded, ReloadError> {
        if self.0.policies_are_bad {
            return Err(ReadPolicies::Empty("/etc/weir/policies".into()).into());
        }
        Ok(Reloaded {
            from: "a".into(),
            to: "b".into(),
            warnings: Vec::new(),
            rejudged: 2,
        })
    }
}

/// A served API; it ends with the test.
struct Served {
    dir: tempfile::TempDir,
    daemon: Told,
    client: Client,
    _stop: oneshot::Sender<()>,
}

impl Served {
    fn start() -> Self {
        Self::with(false)
    }

    fn with(policies_are_bad: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records");
        let governed = Mutex::default();
        let limits = Limits {
            timeout: std::time::Duration::from_secs(60),
            most: 10,
            most_of_subject: 3,
        };
        let journal = dir.path().join("approvals.jsonl");
        let approvals = Approvals::open(&journal, limits, None).unwrap();
        let daemon = Told(Arc::new(State {
            index: Indexer::start(&dir.path().join("test.index"), &records).unwrap(),
            records,
            governed,
            people: People::default(),
            approvals,
            sign_ins: SignIns::new([("corp".to_owned(), provider())]),
            access: access::desk(dir.path()),
            policies_are_bad,
            signals: Signals::open(
                dir.path().join("signals.json"),
                Arc::new(Audit::open(&dir.path().join("audit.jsonl")).unwrap()),
            )
            .unwrap(),
            live: Mutex::default(),
            killed: Mutex::default(),
            audited: Mutex::default(),
        }));
        let socket = dir.path().join("run/weir.sock");
        let server = Server::bind(&socket, super::Access::Private).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let api = Api::new(daemon.clone())
            .with_status()
            .with_sign_in()
            .with_sessions()
            .with_approvals()
            .with_access()
            .with_identities()
            .with_policies()
            .with_profiles();
        tokio::spawn(server.serve(api, async move {
            stopped.await.ok();
        }));
        Self {
            dir,
            daemon,
            client: Client::new(socket),
            _stop: stop,
        }
    }

    fn record(&self, random: u32, target: &str) -> SessionId {
        let start = start(random, target);
        let id = start.id;
        let writer = SessionWriter::create(&self.daemon.0.records, &start).unwrap();
        writer.end(&End::Closed).unwrap();
        id
    }
}

fn start(random: u32, target: &str) -> SessionStart {
    let started = "2026-11-21T10:00:00Z".parse().unwrap();
    SessionStart {
        id: SessionId::new(started, random),
        started,
        workload: "ci".into(),
        subject: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: None,
        process: Process {
            pid: 7,
            started: None,
            uid: 1000,
            gid: 1000,
            exe: None,
            comm: "psql".into(),
            cgroup: "/weir/ci".into(),
            ..Process::default()
        },
        destination: "192.0.2.1:5432".into(),
        destination_name: None,
        target: Some(target.into()),
        protocol: Some("postgres".into()),
        policy_version: "0011223344556677".into(),
        observed: false,
    }
}

/// A provider that nobody asks.
fn provider() -> Provider {
    let settings = oidc::Settings {
        issuer: "https://login.example.com".into(),
        ca: None,
        client_id: Some("weir".into()),
        scopes: vec!["openid".into()],
        algorithms: vec![oidc::Algorithm::Es256],
        clock_skew: std::time::Duration::from_secs(60),
        groups: weir_identity::Groups::default(),
        sign_in_for: None,
    };
    Provider::Oidc(oidc::Provider::new(settings).unwrap())
}

fn code_of<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { code, .. }) => code,
        other => panic!("refused was due, not {other:?}"),
    }
}

#[tokio::test]
async fn status_and_reload_round_trip() {
    let served = Served::start();
    assert_eq!(
        served.client.status().await.unwrap(),
        served.daemon.status()
    );
    assert_eq!(served.client.reload_policies().await.unwrap().rejudged, 2);
}

#[tokio::test]
async fn a_reload_that_fails_says_that_the_old_policy_stays() {
    let served = Served::with(true);
    let Err(ClientError::Refused {
        code,
        message,
        help,
    }) = served.client.reload_policies().await
    else {
        panic!("a bad policy was taken");
    };
    assert_eq!(code, "policy_unreadable");
    assert!(message.contains("/etc/weir/policies"), "{message}");
    assert_eq!(
        help.as_deref(),
        Some("the policies that were in force stay in force")
    );
}

#[tokio::test]
async fn no_daemon_is_told_from_a_broken_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weir.sock");
    let client = Client::new(&path);
    assert!(matches!(
        client.status().await,
        Err(ClientError::NoDaemon { .. })
    ));
    // What a killed daemon leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(
        client.status().await,
        Err(ClientError::NoDaemon { .. })
    ));
}
