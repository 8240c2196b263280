//! The API over a real socket, with real records and a daemon that governs nothing.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;
use weir_identity::{People, Person, Provider, SignIns, oidc};
use weir_record::{End, Process, SessionId, SessionReader, SessionStart, SessionWriter};

use super::{
    Daemon, Server, Sessions, Wanted, WhoAmI,
    client::{Client, ClientError},
};
use crate::engine::{
    InterceptionStatus, PolicyStatus, ReadPolicies, ReloadError, Reloaded, Status, WorkloadStatus,
};

/// A daemon whose answers are set by the test.
#[derive(Clone)]
struct Told(Arc<State>);

struct State {
    records: PathBuf,
    governed: Mutex<Vec<String>>,
    people: People,
    sign_ins: SignIns,
    policies_are_bad: bool,
}

impl Daemon for Told {
    fn status(&self) -> Status {
        let cgroups = self.0.governed.lock().unwrap().clone();
        let workload = |cgroup| WorkloadStatus {
            name: "ci".into(),
            cgroup,
            identity: "ci-bot".into(),
            mode: "enforce".into(),
        };
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
                workloads: cgroups.into_iter().map(workload).collect(),
            },
            targets: Vec::new(),
            sessions: Vec::new(),
            kernel_refusals: 0,
        }
    }

    fn records(&self) -> &Path {
        &self.0.records
    }

    fn people(&self) -> &People {
        &self.0.people
    }

    fn sign_ins(&self) -> &SignIns {
        &self.0.sign_ins
    }

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
        let daemon = Told(Arc::new(State {
            records,
            governed,
            people: People::default(),
            sign_ins: SignIns::new([("corp".to_owned(), provider())]),
            policies_are_bad,
        }));
        let socket = dir.path().join("run/weir.sock");
        let server = Server::bind(&socket).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(daemon.clone(), async move {
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

fn wanted<'a>(subject: Option<&'a str>, target: Option<&'a str>, limit: usize) -> Wanted<'a> {
    Wanted {
        subject,
        target,
        limit,
    }
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
async fn who_shows_a_token_is_that_person_and_no_operator() {
    let served = Served::start();
    let root = served.client.whoami().await.unwrap();
    assert!(matches!(root, WhoAmI::Operator { .. }), "{root:?}");

    let alice = Person {
        id: "oidc:https://id.example#42".into(),
        name: None,
        aliases: Vec::new(),
        groups: vec!["dba-oncall".into()],
        expires: jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5),
    };
    let people = &served.daemon.0.people;
    let signed = people.sign_in(alice, jiff::Timestamp::now()).unwrap();
    let client = served.client.clone().with_token(signed.token);
    let WhoAmI::Person { id, groups, .. } = client.whoami().await.unwrap() else {
        panic!("a token is a person");
    };
    assert_eq!(id, "oidc:https://id.example#42");
    assert_eq!(groups, ["dba-oncall"]);
    assert_eq!(refused(client.status().await), "forbidden");

    let client = served.client.clone().with_token("forged".into());
    assert_eq!(refused(client.whoami().await), "not_signed_in");
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
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
async fn sessions_are_listed_filtered_and_limited() {
    let served = Served::start();
    let none = served
        .client
        .sessions(wanted(None, None, 10))
        .await
        .unwrap();
    assert_eq!(none, Sessions::default(), "before the first record");
    let orders = served.record(1, "orders");
    let people = served.record(2, "people");
    fs::write(served.daemon.0.records.join("nonsense.weir"), "x").unwrap();

    let all = served
        .client
        .sessions(wanted(None, None, 10))
        .await
        .unwrap();
    let ids: Vec<_> = all
        .sessions
        .iter()
        .map(|session| session.start.id)
        .collect();
    assert_eq!(ids, [people, orders], "newest first");
    assert_eq!(all.unreadable.len(), 1, "what can't be read is named");

    let one = served
        .client
        .sessions(wanted(None, Some("orders"), 10))
        .await
        .unwrap();
    assert_eq!((one.sessions.len(), one.matched), (1, 1));
    let limited = served
        .client
        .sessions(wanted(Some("unix:alice"), None, 1))
        .await
        .unwrap();
    assert_eq!(
        (limited.sessions.len(), limited.matched),
        (1, 2),
        "what is left out is told"
    );
    assert!(
        served
            .client
            .sessions(wanted(Some("unix:bob"), None, 1))
            .await
            .unwrap()
            .sessions
            .is_empty()
    );
    assert_eq!(
        code_of(served.client.sessions(wanted(None, None, 1_000_000)).await),
        "bad_query"
    );
}

#[tokio::test]
async fn a_session_is_found_by_the_beginning_of_its_id_and_its_record_copied_whole() {
    let served = Served::start();
    let id = served.record(0xdead_beef, "orders");
    let session = served
        .client
        .session(id.to_string().get(..14).unwrap())
        .await
        .unwrap();
    assert_eq!(session.summary.end, Some(End::Closed));
    assert_eq!(session.events.len(), 2);
    assert!(!session.truncated);

    let copy = served.dir.path().join("copy");
    let mut file = fs::File::create(&copy).unwrap();
    served
        .client
        .record(&id.to_string(), &mut file)
        .await
        .unwrap();
    assert_eq!(
        fs::read(&copy).unwrap(),
        fs::read(served.daemon.0.records.join(format!("{id}.weir"))).unwrap()
    );
    assert!(
        SessionReader::open(&copy)
            .unwrap()
            .all(|entry| entry.is_ok())
    );
}

#[tokio::test]
async fn a_record_that_just_stops_is_told_as_such() {
    let served = Served::start();
    let id = served.record(1, "orders");
    let path = served.daemon.0.records.join(format!("{id}.weir"));
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(length - 1).unwrap();
    let session = served.client.session(&id.to_string()).await.unwrap();
    assert_eq!(session.summary, weir_record::Summary::read(&path).unwrap());
    assert!(matches!(
        session.summary.tail,
        weir_record::Tail::Torn { .. }
    ));
    assert_eq!(session.summary.end, None);
}

#[tokio::test]
async fn a_session_that_can_t_be_named_is_an_error_with_a_code() {
    let served = Served::start();
    let id = served.record(1, "orders").to_string();
    served.record(2, "orders");
    assert_eq!(
        code_of(served.client.session(id.get(..3).unwrap()).await),
        "ambiguous_session"
    );
    assert_eq!(
        code_of(served.client.session("zzzz").await),
        "no_such_session"
    );
    assert_eq!(
        code_of(served.client.session("../../../etc/passwd").await),
        "bad_session_id"
    );
    assert_eq!(
        code_of(served.client.record("..", &mut Vec::new()).await),
        "bad_session_id"
    );
}

/// A plain request by another process, as `uid`: the status line and body of the answer.
fn ask_as(uid: u32, socket: &Path, path: &str) -> String {
    let script = "import socket,sys\n\
        s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n\
        s.sendall(f'GET {sys.argv[2]} HTTP/1.1\\r\\nhost: weir\\r\\nconnection: close\\r\\n\\r\\n'.encode())\n\
        sys.stdout.write(s.makefile('rb').read().decode())\n";
    let asked = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .arg(socket)
        .arg(path)
        .uid(uid)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    String::from_utf8(asked.stdout).unwrap()
}

fn open_to_all(path: &Path) {
    for path in [
        path,
        path.parent().unwrap(),
        path.parent().unwrap().parent().unwrap(),
    ] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_is_refused_even_where_the_socket_s_mode_would_let_it_in() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root, to act as another user"
    );
    let served = Served::start();
    open_to_all(served.client.socket());
    for path in ["/v1/status", "/v1/sessions"] {
        let socket = served.client.socket().to_owned();
        let answer = tokio::task::spawn_blocking(move || ask_as(65534, &socket, path))
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
        assert!(answer.contains(r#""code":"forbidden""#), "{answer}");
    }
}

#[tokio::test]
async fn a_process_of_a_governed_cgroup_is_refused_even_as_root() {
    let served = Served::start();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap();
    *served.daemon.0.governed.lock().unwrap() = vec![own.to_owned()];
    assert_eq!(code_of(served.client.status().await), "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_does_not_have_is_a_json_error() {
    let served = Served::start();
    for (path, status, code) in [
        ("/v1/nothing", 404, "no_such_route"),
        ("/", 404, "no_such_route"),
        ("/v1/policy/reload", 405, "wrong_method"),
        ("/v1/sessions?limt=3", 400, "bad_query"),
        ("/v1/sessions?limit=-1", 400, "bad_query"),
    ] {
        let socket = served.client.socket().to_owned();
        let answer = tokio::task::spawn_blocking(move || ask_as(0, &socket, path))
            .await
            .unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path}: {answer}"
        );
        assert!(
            answer.contains(&format!(r#""code":"{code}""#)),
            "{path}: {answer}"
        );
    }
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

/// A provider that nobody asks.
fn provider() -> Provider {
    Provider::Oidc(oidc::Settings {
        issuer: "https://login.example.com".into(),
        ca: None,
        client_id: Some("weir".into()),
        scopes: vec!["openid".into()],
        algorithms: vec![oidc::Algorithm::Es256],
        clock_skew: std::time::Duration::from_secs(60),
        groups: weir_identity::Groups::default(),
        sign_in_for: None,
    })
}

#[tokio::test]
async fn anybody_hears_by_what_to_sign_in_and_nobody_is_signed_in_for_nothing() {
    let served = Served::start();
    let found: super::Providers = served.client.get("/v1/providers").await.unwrap();
    assert_eq!(found.providers.len(), 1);
    assert_eq!(found.providers[0].name, "corp");
    let evidence = |provider: &str| weir_identity::Evidence::Oidc {
        provider: provider.into(),
        id_token: "a.b.c".into(),
        nonce: None,
    };
    for (provider, expected) in [("corp", "unverified"), ("other", "unknown_provider")] {
        let refused = served
            .client
            .post::<super::SignedIn>("/v1/sign-in", &evidence(provider))
            .await
            .map(drop);
        assert!(
            matches!(&refused, Err(ClientError::Refused { code, .. }) if code == expected),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_sign_in_ends_when_its_person_says_so() {
    let served = Served::start();
    let now = jiff::Timestamp::now();
    let person = Person {
        id: "oidc:https://login.example.com#1".into(),
        name: None,
        aliases: Vec::new(),
        groups: Vec::new(),
        expires: now + std::time::Duration::from_secs(60),
    };
    let signed = served.daemon.0.people.sign_in(person, now).unwrap();
    let client = served.client.clone().with_token(signed.token);
    assert!(matches!(client.whoami().await, Ok(WhoAmI::Person { .. })));
    let out: super::SignedOut = client.post("/v1/sign-out", &()).await.unwrap();
    assert!(out.signed_out);
    assert!(
        matches!(client.whoami().await, Err(ClientError::Refused { code, .. }) if code == "not_signed_in")
    );
}
