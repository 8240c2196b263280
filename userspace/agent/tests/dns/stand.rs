//! A resolver of weir's, and a workload that asks it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name, RecordType,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};
use tokio::sync::watch;
use weir_agent::{
    config::{Config, WorkloadName},
    dns::{Asker, Resolver, ResolverOptions},
    signals::Signals,
};
use weir_policy::{Policies, Source, Subject};
use weir_record::{
    Durability, Entry, Event, Intent, Options, Outcome, Process, Recorder, SessionReader,
    SigningKey, VerdictSummary, store,
};

/// What the workload `w` may do: its target's hosts are `db.internal`, `lb.internal` and `plain`.
const CONFIG: &str = r#"
[dns]
timeout_ms = 250

[[identity]]
name = "bot"
kind = "static"

[[workload]]
name = "w"
cgroup = "/weir/w"
identity = "bot"
targets = ["db"]

[[workload]]
name = "watched"
cgroup = "/weir/watched"
identity = "bot"
mode = "observe"

[[target]]
name = "db"
protocol = "postgres"
hosts = ["db.internal", "lb.internal", "plain"]
ports = [5432]
upstream = "127.0.0.1:5432"
credential = { user = "app", password_credential = "a" }

[[target]]
name = "far"
protocol = "postgres"
hosts = ["far.internal"]
ports = [5432]
upstream = "127.0.0.1:5432"
credential = { user = "app", password_credential = "a" }
"#;

/// Lets anybody look up anything in `corp.example`, of any type.
pub(crate) const COMPANY: &str = r#"
@id("company")
permit (principal, action == Weir::Action::"resolve", resource in Weir::Host::"corp.example");
"#;

pub(crate) struct Stand {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) recorder: Recorder,
    pub(crate) dir: tempfile::TempDir,
    _policies: watch::Sender<Arc<Policies>>,
}

/// A resolver that asks these servers by the shipped policies.
pub(crate) fn stand(upstreams: &[SocketAddr]) -> Stand {
    with(upstreams, &[], Policies::shipped_sources())
}

/// The same, with these policies beside the shipped ones.
pub(crate) fn stand_and(upstreams: &[SocketAddr], policies: &[&str]) -> Stand {
    with(upstreams, policies, Policies::shipped_sources())
}

/// With these policies alone.
pub(crate) fn stand_only(upstreams: &[SocketAddr], policies: &[&str]) -> Stand {
    with(upstreams, policies, Vec::new())
}

/// By the shipped policies, this one, and these signals.
pub(crate) fn stand_counting(upstreams: &[SocketAddr], policy: &str, signals: &str) -> Stand {
    let mut sources = Policies::shipped_sources();
    // The shipped policies on signals name those that come with them.
    sources.retain(|source| !source.text.contains("context.signals"));
    sources.push(Source {
        name: "signals.toml".to_owned(),
        text: signals.to_owned(),
    });
    with(upstreams, &[policy], sources)
}

fn with(upstreams: &[SocketAddr], more: &[&str], mut sources: Vec<Source>) -> Stand {
    for (text, name) in more.iter().zip('a'..) {
        sources.push(Source {
            name: format!("{name}.cedar"),
            text: (*text).to_owned(),
        });
    }
    let policies = Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"));
    let policies = watch::Sender::new(Arc::new(policies));
    let config = Config::parse("weir.toml", CONFIG).unwrap_or_else(|found| panic!("{found}"));
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(dir.path());
    let options = ResolverOptions {
        upstreams: upstreams.to_vec(),
        recorder: recorder.clone(),
        policies: policies.subscribe(),
        signals: Arc::new(Signals::unkept()),
    };
    Stand {
        resolver: Arc::new(Resolver::new(&config, options)),
        recorder,
        dir,
        _policies: policies,
    }
}

fn recorder(state: &Path) -> Recorder {
    Recorder::open(Options {
        dir: state.join("records"),
        key: SigningKey::open(state).unwrap(),
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

pub(crate) fn asker() -> Asker {
    Asker {
        workload: workload("w"),
        subject: Ok(Subject {
            id: "workload:bot".to_owned(),
            groups: Vec::new(),
            on_behalf_of: None,
        }),
        process: process(4242, "agent"),
        destination: "10.255.255.53:53".parse().unwrap(),
    }
}

pub(crate) fn workload(name: &str) -> WorkloadName {
    name.parse().unwrap()
}

pub(crate) fn process(pid: u32, comm: &str) -> Process {
    Process {
        pid,
        comm: comm.to_owned(),
        ..Process::default()
    }
}

/// A query as a client writes it, with EDNS.
pub(crate) fn query(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(Query::query(name, record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    message.set_edns(edns);
    message.to_vec().unwrap()
}

impl Stand {
    pub(crate) fn records(&self) -> PathBuf {
        self.dir.path().join("records")
    }

    /// What `w` is answered.
    pub(crate) async fn ask(&self, name: &str, record_type: RecordType) -> Message {
        self.ask_as(&asker(), name, record_type).await
    }

    pub(crate) async fn ask_as(
        &self,
        asker: &Asker,
        name: &str,
        record_type: RecordType,
    ) -> Message {
        let answer = self.answer(asker, &query(name, record_type)).await;
        Message::from_vec(&answer.unwrap()).unwrap()
    }

    /// What a datagram is answered, if it gets a turn.
    pub(crate) async fn answer(&self, asker: &Asker, query: &[u8]) -> Option<Vec<u8>> {
        let turn = self.resolver.turn(&asker.workload)?;
        self.resolver.answer(turn, asker, query).await
    }

    /// The questions on record, with their outcomes.
    pub(crate) fn questions(&self) -> Vec<(Intent, Option<Outcome>)> {
        self.recorder.write_out().unwrap();
        questions(&self.records())
    }
}

/// The questions of all records of a directory, with their outcomes.
pub(crate) fn questions(records: &Path) -> Vec<(Intent, Option<Outcome>)> {
    let mut questions: Vec<(Intent, Option<Outcome>)> = Vec::new();
    let mut ids = store::names(records).unwrap().ids;
    ids.sort_unstable();
    for id in ids {
        let begin = questions.len();
        for entry in SessionReader::open(&store::path_of(records, id)).unwrap() {
            match entry.unwrap() {
                Entry::Event(Event::Intent(intent)) => questions.push((intent, None)),
                Entry::Event(Event::Outcome { seq, outcome }) => {
                    let of = |(intent, _): &&mut (Intent, Option<Outcome>)| intent.seq == seq;
                    questions[begin..].iter_mut().find(of).unwrap().1 = Some(outcome);
                }
                _ => {}
            }
        }
    }
    questions
}

/// `allow`, or the rule that refused.
pub(crate) fn verdict(intent: &Intent) -> &str {
    match &intent.verdict {
        VerdictSummary::Allow { .. } => "allow",
        VerdictSummary::Deny { rule, .. } => rule,
        VerdictSummary::Ask { .. } => "ask",
    }
}

/// The code and the text of an extended error (RFC 8914).
pub(crate) fn reason(message: &Message) -> (u16, String) {
    let edns = message.edns.as_ref().unwrap();
    let Some(EdnsOption::Unknown(_, data)) = edns.option(EdnsCode::Unknown(15)) else {
        panic!("no reason: {message}")
    };
    let text = String::from_utf8(data[2..].to_vec()).unwrap();
    (u16::from_be_bytes([data[0], data[1]]), text)
}

/// The code, and the addresses with their TTLs.
pub(crate) fn gist(message: &Message) -> (ResponseCode, Vec<String>) {
    let records = message.answers.iter();
    let records = records.map(|record| format!("{} {}", record.data, record.ttl));
    (message.metadata.response_code, records.collect())
}
