//! A gate whose policies ask, the local API in front of what waits, and people with sign-ins who
//! answer by the command line, each as a process of their own.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use testbed::{Output, Postgres, Running, Spawn};
use tokio::sync::oneshot;
use weir_agent::{
    approve::{Approvals, Request, Shown},
    audit::AuditEvent,
    control::{
        Access, Api, Server,
        rooms::{ApprovalRoom, Host},
    },
};
use weir_identity::{People, Person};
use weir_policy::{Approver, Policies, Source};
use weir_record::{Approval, Entry, Event, SessionReader};

use crate::common::{Gate, tls_of};

/// Changes of orders are asked about.
pub(super) const ASKS: &str = r#"
@id("ask-orders") @message("orders are changed by hand") @approvers("dba")
forbid (principal, action in Weir::Action::"write", resource)
when { resource.name == "orders" } unless { context.approved };"#;

/// What the API may ask of: what waits, and who is signed in.
#[derive(Clone)]
struct Told(Arc<State>);

struct State {
    approvals: Approvals,
    people: People,
}

impl Host for Told {
    fn governed(&self) -> Vec<String> {
        Vec::new()
    }

    fn people(&self) -> &People {
        &self.0.people
    }

    fn audit(&self, _: &AuditEvent<'_>) {}
}

impl ApprovalRoom for Told {
    fn approvals(&self) -> &Approvals {
        &self.0.approvals
    }
}

pub(super) struct Stand {
    pub(super) gate: Gate,
    pub(super) server: Postgres,
    told: Told,
    socket: PathBuf,
    _runtime: tokio::runtime::Runtime,
    _stop: oneshot::Sender<()>,
}

/// The shipped policies, and these.
pub(super) fn policies(more: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "more.cedar".to_owned(),
        text: more.to_owned(),
    });
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"))
}

impl Stand {
    pub(super) fn new(more: &str) -> Self {
        let server = Postgres::builder()
            .tls(true)
            .sample_data(true)
            .start()
            .unwrap();
        let gate = Gate::with(
            server.addr(),
            &tls_of(&server),
            server.app_password(),
            policies(more),
        );
        let told = Told(Arc::new(State {
            approvals: gate.approvals.clone(),
            people: People::default(),
        }));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let socket = gate.dir.path().join("run/weir.sock");
        let (stop, stopped) = oneshot::channel::<()>();
        let inside = runtime.enter();
        let api = Server::bind(&socket, Access::Private).unwrap();
        drop(inside);
        runtime.spawn(
            api.serve(Api::new(told.clone()).with_approvals(), async move {
                stopped.await.ok();
            }),
        );
        Self {
            gate,
            server,
            told,
            socket,
            _runtime: runtime,
            _stop: stop,
        }
    }

    /// psql, begun.
    pub(super) fn psql(&self, sql: &str) -> Running {
        self.client(&["-v", "VERBOSITY=verbose", "-c", sql])
            .start()
            .unwrap()
    }

    pub(super) fn client(&self, arguments: &[&str]) -> Spawn {
        Spawn::new("psql")
            .args(["-X", "-A", "-t", "-h", "127.0.0.1", "-U", "agent"])
            .args(["-d", "shop", "-p", &self.gate.address.port().to_string()])
            .args(arguments)
    }

    /// A person who signs in, as the file that holds the token.
    pub(super) fn person(&self, name: &str, groups: &[&str]) -> PathBuf {
        let person = Person {
            id: format!("oidc:https://id.example#{name}"),
            name: Some(name.to_owned()),
            aliases: vec![format!("{name}@example.com")],
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            expires: Timestamp::now() + SignedDuration::from_mins(10),
        };
        let signed = self.told.0.people.sign_in(person, Timestamp::now());
        let path = self.gate.dir.path().join(format!("{name}.token"));
        let mut made = fs::File::options();
        let made = made.write(true).create_new(true).mode(0o600);
        let mut file = made.open(&path).unwrap();
        file.write_all(signed.unwrap().token.expose_secret().as_bytes())
            .unwrap();
        path
    }

    /// `weir approvals …`, as a person or, without a token, as root.
    pub(super) fn weir(&self, token: Option<&Path>, arguments: &[&str]) -> Output {
        self.weir_begun(token, arguments).wait().unwrap()
    }

    /// The same, not waited for.
    pub(super) fn weir_begun(&self, token: Option<&Path>, arguments: &[&str]) -> Running {
        let mut weir = Spawn::new(env!("CARGO_BIN_EXE_weir"))
            .arg("approvals")
            .args(arguments)
            .arg("--socket")
            .arg(&self.socket);
        if let Some(token) = token {
            weir = weir.env("WEIR_TOKEN_FILE", token);
        }
        weir.start().unwrap()
    }

    pub(super) fn requests(&self, shown: Shown) -> Vec<Request> {
        self.told
            .0
            .approvals
            .list(shown, &Approver::operator("root"))
    }

    /// What waits, once something does.
    pub(super) fn waits(&self) -> Request {
        for _ in 0..800 {
            if let Some(request) = self.requests(Shown::Pending).pop() {
                return request;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("nothing waits");
    }

    /// What became of what waited last, once nothing waits.
    pub(super) fn settled(&self) -> Request {
        for _ in 0..800 {
            let all = self.requests(Shown::All);
            if let Some(last) = all.first().filter(|last| last.settled.is_some()) {
                return last.clone();
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("it waits for ever");
    }

    pub(super) fn orders(&self) -> u32 {
        let count = self.server.psql_as_superuser("SELECT count(*) FROM orders");
        count.unwrap().trim().parse().unwrap()
    }

    /// The events of the newest session that has ended.
    pub(super) fn record(&self, sessions: usize) -> Vec<Event> {
        let id = self.gate.ended(sessions)[0].start.id;
        let path = weir_record::store::path_of(&self.gate.records, id);
        SessionReader::open(&path)
            .unwrap()
            .filter_map(|entry| match entry.unwrap() {
                Entry::Event(event) => Some(event),
                _ => None,
            })
            .collect()
    }
}

/// The steps of approvals on record.
pub(super) fn approvals(events: &[Event]) -> Vec<Approval> {
    let steps = events.iter().filter_map(|event| match event {
        Event::Approval { approval, .. } => Some(approval.clone()),
        _ => None,
    });
    steps.collect()
}
