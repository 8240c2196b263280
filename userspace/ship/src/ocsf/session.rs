//! A session's events, one after the other, as its record has them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use weir_record::{
    Approval, End, Event, Intent, Outcome, Process, Seq, SessionId, SessionStart, Status as Became,
};

use super::{
    Host, LONGEST_TEXT, actor,
    class::{Activity, Class, Disposition, Severity, Status},
    command::{self, Judged, Kind},
    cut, endpoint,
    envelope::Envelope,
};

/// In the place of a statement whose text is for the record's recipients.
const ENCRYPTED: &str = "(encrypted)";

const OPEN: Activity = Activity(1, "Open");
const CLOSE: Activity = Activity(2, "Close");
const RESET: Activity = Activity(3, "Reset");
const FAIL: Activity = Activity(4, "Fail");
const REFUSE: Activity = Activity(5, "Refuse");

/// Maps the events of one session. They must come in the record's order, from its first: what is
/// known of a session is known from its start.
#[derive(Debug)]
pub struct SessionEvents {
    host: Host,
    known: Option<Known>,
    /// Nothing that was said is at hand.
    outline: bool,
    /// How many events came so far: the next one's place in the record.
    place: u64,
}

/// What the events before have told.
#[derive(Debug)]
struct Known {
    start: SessionStart,
    process: Process,
    database: Option<String>,
    /// Commands whose outcome is to come.
    pending: BTreeMap<Seq, Kind>,
    commands: u64,
}

impl SessionEvents {
    /// Of a session on this host.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self {
            host,
            known: None,
            outline: false,
            place: 0,
        }
    }

    /// The events come from an outline, which holds nothing that was said.
    #[must_use]
    pub fn of_outline(self) -> Self {
        Self {
            outline: true,
            ..self
        }
    }

    /// The next event of the record, `at` so many microseconds after the session's start. Nothing
    /// where it adds nothing to what the others tell. `metadata.uid` is the session and the event's
    /// place in it, so it is the same whenever the record is mapped.
    pub fn event(&mut self, at: i64, event: &Event) -> Option<Value> {
        let place = self.place;
        self.place += 1;
        if let Event::Start(start) = event {
            self.known = Some(Known {
                process: start.process.clone(),
                start: start.clone(),
                database: None,
                pending: BTreeMap::new(),
                commands: 0,
            });
        }
        let known = self.known.as_mut()?;
        let mapping = Mapping {
            host: &self.host,
            outline: self.outline,
            at: moment(known.start.started, at),
            uid: format!("{}-{place}", known.start.id),
        };
        match event {
            Event::Start(_) => Some(mapping.opening(known)),
            Event::Process(process) => {
                known.process = process.clone();
                None
            }
            Event::Opened { database, user, .. } => {
                known.database = Some(database.clone());
                Some(mapping.opened(known, database, user))
            }
            Event::Intent(intent) => {
                known.commands += 1;
                let kind = Kind::of(known.start.protocol.as_deref(), &intent.statements);
                known.pending.insert(intent.seq, kind);
                Some(mapping.intent(known, kind, intent))
            }
            Event::Approval { seq, approval, .. } => {
                let protocol = known.start.protocol.as_deref();
                let kind = known.pending.get(seq).copied();
                let kind = kind.unwrap_or_else(|| Kind::of(protocol, &[]));
                Some(mapping.step(known, kind, *seq, approval))
            }
            Event::Outcome { seq, outcome } => {
                let kind = known.pending.remove(seq);
                // The verdict has told of it.
                if outcome.status == Became::Refused {
                    return None;
                }
                let protocol = known.start.protocol.as_deref();
                let kind = kind.unwrap_or_else(|| Kind::of(protocol, &[]));
                Some(mapping.outcome(known, kind, *seq, outcome))
            }
            Event::End(end) => Some(mapping.ending(known, end)),
            other => Some(mapping.other(known, other)),
        }
    }
}

fn moment(started: Timestamp, micros: i64) -> Timestamp {
    started
        .checked_add(SignedDuration::from_micros(micros))
        .unwrap_or(started)
}

struct Mapping<'a> {
    host: &'a Host,
    outline: bool,
    at: Timestamp,
    uid: String,
}

impl Mapping<'_> {
    /// What all events of a session have.
    fn event(&self, known: &Known, class: Class, activity: Activity) -> Envelope {
        let start = &known.start;
        let hash = known.process.exe_hash.as_deref();
        Envelope::new(self.host, class, activity, self.at, &self.uid)
            .with("actor", actor::actor(start, &known.process))
            .with("src_endpoint", endpoint::source(self.host))
            .with("dst_endpoint", endpoint::destination(start))
            .with("observables", endpoint::observables(start, hash))
            .beside("session", start.id.to_string())
            .beside("workload", start.workload.as_str())
            .beside("target", start.target.clone())
            .beside("protocol", start.protocol.clone())
            .beside("on_behalf_of", start.on_behalf_of.clone())
            .beside("observed", start.observed.then_some(true))
            .beside("encrypted", self.outline.then_some(true))
    }

    fn network(&self, known: &Known, activity: Activity) -> Envelope {
        let connection = endpoint::connection(known.start.protocol.as_deref());
        self.event(known, Class::NetworkActivity, activity)
            .with_some("connection_info", connection)
    }

    fn datastore(&self, known: &Known, activity: Activity) -> Envelope {
        let start = &known.start;
        let name = known.database.as_ref().or(start.target.as_ref());
        let name = name.unwrap_or(&start.destination);
        self.event(known, Class::DatastoreActivity, activity)
            .with(
                "database",
                json!({ "name": name, "type_id": 1, "type": "Relational" }),
            )
            .with("type_id", 1)
    }

    fn opening(&self, known: &Known) -> Value {
        let start = &known.start;
        self.network(known, OPEN)
            .message(format!("{} connects to {}", start.subject, place(start)))
            .with(
                "policy",
                json!({ "name": "weir", "version": start.policy_version }),
            )
            .finish()
    }

    fn opened(&self, known: &Known, database: &str, user: &str) -> Value {
        self.datastore(known, Activity(3, "Connect"))
            .status(Status::Success)
            .message(format!("{} opened {database}", known.start.subject))
            .beside("user", user)
            .finish()
    }

    fn intent(&self, known: &Known, kind: Kind, intent: &Intent) -> Value {
        let judged = Judged::of(intent);
        let (text, is_cut) = match self.outline {
            true => (ENCRYPTED, false),
            false => cut(&intent.text, LONGEST_TEXT),
        };
        let command = format!("{}-{}", known.start.id, intent.seq);
        let event = match kind.class {
            Class::DatastoreActivity => self.datastore(known, kind.asked).with(
                "query_info",
                json!({ "query_string": text, "uid": command }),
            ),
            Class::DnsActivity => self
                .event(known, kind.class, kind.asked)
                .with("query", command::question(text))
                .with("query_time", self.at.as_millisecond()),
            _ => self.network(known, kind.asked).beside("text", text),
        };
        let mut message = format!("{}: {}", judged.word, verbs(intent).unwrap_or(text));
        for part in [judged.message, judged.rule].into_iter().flatten() {
            message.push_str("; ");
            message.push_str(part);
        }
        let statements = serde_json::to_value(&intent.statements).unwrap_or_default();
        let verdict = serde_json::to_value(&intent.verdict).unwrap_or_default();
        event
            .correlated(&command)
            .severity(judged.severity)
            .status(judged.status)
            .disposition(judged.disposition)
            .message(message)
            .with(
                "policy",
                json!({ "name": judged.rule.unwrap_or("weir"), "version": intent.policy_version }),
            )
            .beside("seq", intent.seq.get())
            .beside("statements", statements)
            .beside("verdict", verdict)
            .beside("text_bytes", is_cut.then_some(intent.text.len()))
            .finish()
    }

    fn step(&self, known: &Known, kind: Kind, seq: Seq, approval: &Approval) -> Value {
        let event = match kind.class {
            Class::DatastoreActivity => self.datastore(known, kind.asked),
            Class::DnsActivity => self.event(known, kind.class, kind.asked),
            _ => self.network(known, kind.asked),
        };
        let (disposition, severity, words) = command::step(approval);
        event
            .correlated(&format!("{}-{seq}", known.start.id))
            .severity(severity)
            .disposition(disposition)
            .message(format!("command {seq}: {words}"))
            .beside("seq", seq.get())
            .beside(
                "approval",
                serde_json::to_value(approval).unwrap_or_default(),
            )
            .finish()
    }

    fn outcome(&self, known: &Known, kind: Kind, seq: Seq, outcome: &Outcome) -> Value {
        let event = match kind.class {
            Class::DatastoreActivity => self.datastore(known, kind.done),
            Class::DnsActivity => self
                .event(known, kind.class, kind.done)
                .with("response_time", self.at.as_millisecond()),
            _ => self.network(known, kind.done),
        };
        let (status, code, detail) = match &outcome.status {
            Became::Completed { tag } => (Status::Success, None, tag.as_str()),
            Became::Failed { code, message } if message.is_empty() => {
                (Status::Failure, Some(code), code.as_str())
            }
            Became::Failed { code, message } => (Status::Failure, Some(code), message.as_str()),
            Became::Refused => (Status::Failure, None, "refused"),
            Became::Skipped => (Status::Failure, None, "skipped"),
            Became::Lost => (Status::Unknown, None, "lost"),
        };
        let (detail, _) = cut(detail, LONGEST_TEXT);
        let traffic = outcome
            .sent
            .map(|sent| json!({ "bytes_in": outcome.bytes, "bytes_out": sent }));
        event
            .correlated(&format!("{}-{seq}", known.start.id))
            .status(status)
            .message(format!("command {seq}: {detail}"))
            .with("status_detail", detail)
            .with_some("status_code", code.map(String::as_str))
            .with("duration", outcome.micros / 1000)
            .with_some("traffic", traffic)
            .beside("seq", seq.get())
            .beside("rows", outcome.rows)
            .beside("bytes", outcome.bytes)
            .beside("masked", outcome.masked)
            .beside("micros", outcome.micros)
            .finish()
    }

    fn ending(&self, known: &Known, end: &End) -> Value {
        let (activity, status, severity, detail) = match end {
            End::Refused { message, .. } => {
                (REFUSE, Status::Failure, Severity::Medium, Some(message))
            }
            End::PolicyChanged { message, .. } | End::IdentityLost { message } => {
                (RESET, Status::Failure, Severity::Medium, Some(message))
            }
            End::GrantEnded { grant } => (RESET, Status::Failure, Severity::Medium, Some(grant)),
            End::WorkloadStopped => (RESET, Status::Failure, Severity::Medium, None),
            End::ProtocolError { message, .. } => {
                (RESET, Status::Failure, Severity::Medium, Some(message))
            }
            End::Killed { reason, .. } => {
                (RESET, Status::Failure, Severity::Medium, reason.as_ref())
            }
            End::Error { message } => (FAIL, Status::Failure, Severity::High, Some(message)),
            _ => (CLOSE, Status::Success, Severity::Informational, None),
        };
        let event = match end {
            End::Refused { rule, .. } => self
                .network(known, activity)
                .disposition(Disposition::Blocked)
                .with("policy", policy(rule, &known.start)),
            End::PolicyChanged { rule, .. } => self
                .network(known, activity)
                .disposition(Disposition::AccessRevoked)
                .with("policy", policy(rule, &known.start)),
            End::GrantEnded { grant } => self
                .network(known, activity)
                .disposition(Disposition::AccessRevoked)
                .with("policy", policy(grant, &known.start)),
            End::Killed { .. } | End::IdentityLost { .. } | End::WorkloadStopped => self
                .network(known, activity)
                .disposition(Disposition::AccessRevoked),
            _ => self.network(known, activity),
        };
        let detail = detail.filter(|detail| !detail.is_empty());
        let why = serde_json::to_value(end).unwrap_or_default();
        let word = why.get("why").and_then(Value::as_str).unwrap_or("ended");
        let started = known.start.started;
        let lasted = self.at.as_millisecond() - started.as_millisecond();
        event
            .status(status)
            .severity(severity)
            .message(format!(
                "session with {} ended: {word}",
                place(&known.start)
            ))
            .with("start_time", started.as_millisecond())
            .with("end_time", self.at.as_millisecond())
            .with("duration", lasted)
            .with_some("status_detail", detail.map(String::as_str))
            .beside("commands", known.commands)
            .beside("end", why)
            .finish()
    }

    /// What has no class of its own.
    fn other(&self, known: &Known, event: &Event) -> Value {
        let told = serde_json::to_value(event).unwrap_or_default();
        let word = |name| told.get(name).and_then(Value::as_str);
        let message = word("message").filter(|message| !message.is_empty());
        let message = message.or(word("event")).unwrap_or("event").to_owned();
        self.event(known, Class::Base, Activity::OTHER)
            .message(message)
            .beside("event", told)
            .finish()
    }
}

fn policy(rule: &str, start: &SessionStart) -> Value {
    json!({ "name": rule, "version": start.policy_version })
}

/// Where a session goes, in a word.
fn place(start: &SessionStart) -> &str {
    start.target.as_deref().unwrap_or(&start.destination)
}

fn verbs(intent: &Intent) -> Option<&str> {
    intent.statements.first().map(|one| one.verb.as_str())
}

/// That no more can be told of a session, and why.
pub(crate) fn untold(host: &Host, id: SessionId, at: Timestamp, why: &str) -> Value {
    Envelope::new(
        host,
        Class::Base,
        Activity::OTHER,
        at,
        &format!("{id}-untold"),
    )
    .severity(Severity::High)
    .message(format!("session {id} can't be told to the end: {why}"))
    .beside("session", id.to_string())
    .finish()
}
