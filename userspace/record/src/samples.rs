//! Values for the tests of this crate.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use jiff::Timestamp;
use weir_command::{
    Access, ColumnUse, Command, Control, Object, Opaque, OpaqueReason, Predicate, Statement, Verb,
};
use weir_policy::{
    Ask, Context, Permit, Policies, PolicyVersion, Refusal, Request, Source, Subject, Target,
    Verdict,
};

use crate::{
    CommandText, Durability, End, Entry, Options, Outcome, Process, ReadError, Recorder, SessionId,
    SessionReader, SessionStart, SessionWriter, SigningKey, Status, Tail,
};

/// A directory that lets nobody else in, as records want it.
pub(crate) fn dir() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}

/// A signing key that is not secret.
pub(crate) fn key(number: u8) -> SigningKey {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{number:02x}").repeat(32)).unwrap();
    SigningKey::read(file.path()).unwrap()
}

/// What records a host's sessions, with that key.
pub(crate) fn recorder(dir: &Path) -> Recorder {
    Recorder::open(Options {
        dir: dir.to_owned(),
        key: key(1),
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

pub(crate) fn id(second: i64) -> SessionId {
    SessionId::new(
        Timestamp::from_second(1_795_000_000 + second).unwrap(),
        0xfeed_beef,
    )
}

pub(crate) fn start() -> SessionStart {
    SessionStart {
        id: id(0),
        started: Timestamp::from_second(1_795_000_000).unwrap(),
        workload: "ci".to_owned(),
        subject: "unix:alice".to_owned(),
        groups: vec!["dev".to_owned()],
        on_behalf_of: None,
        process: Process {
            pid: 4242,
            started: Some(Timestamp::UNIX_EPOCH),
            uid: 1000,
            gid: 1000,
            exe: Some("/usr/bin/psql".to_owned()),
            comm: "psql".to_owned(),
            cgroup: "/weir/ci".to_owned(),
            ..Process::default()
        },
        destination: "192.0.2.7:5432".to_owned(),
        destination_name: None,
        target: Some("shop".to_owned()),
        protocol: Some("postgres".to_owned()),
        policy_version: version().to_string(),
        observed: false,
    }
}

pub(crate) fn version() -> PolicyVersion {
    serde_json::from_str(r#""0123456789abcdef""#).unwrap()
}

pub(crate) fn refusal() -> Refusal {
    Refusal {
        rule: "no-destroy".to_owned(),
        message: "databases are not dropped by agents".to_owned(),
        deciding: vec!["no-destroy".to_owned(), "no-ddl".to_owned()],
        version: version(),
    }
}

/// A real one: nothing but judgement makes an ask.
pub(crate) fn ask() -> Ask {
    match judge(
        "@id(\"ask-delete\") @message(\"deletes need a second pair of eyes\") \
         @approvers(\"dba-oncall\") @timeout(\"300\") \
         permit(principal, action in Weir::Action::\"command\", resource) when { context.approved };",
    ) {
        Verdict::Ask(ask) => ask,
        other => panic!("{other:?}"),
    }
}

/// A real one: nothing but judgement makes a permit.
pub(crate) fn permit() -> Permit {
    match judge("@id(\"all\") @message(\"anything\") permit(principal, action, resource);") {
        Verdict::Allow(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn judge(policy: &str) -> Verdict {
    let source = Source {
        name: "all.cedar".to_owned(),
        text: policy.to_owned(),
    };
    let subject = Subject {
        id: "unix:alice".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    };
    let target = Target {
        name: "shop".to_owned(),
        protocol: "postgres".to_owned(),
        database: "shop".to_owned(),
    };
    let request = Request {
        subject: &subject,
        target: &target,
        statement: &select(),
        names: None,
        context: &Context::default(),
    };
    Policies::load(&[source]).unwrap().judge(&request)
}

pub(crate) fn command(verb: Verb, objects: Vec<Object>) -> Statement {
    Statement::Command(Box::new(Command {
        verb,
        objects,
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: [].into(),
        functions: [].into(),
        operators: [].into(),
        row_limit: weir_command::RowLimit::Unknown,
        gathers: false,
        control: Control::None,
    }))
}

pub(crate) fn select() -> Statement {
    let people = Object {
        database: None,
        schema: Some("public".to_owned()),
        name: "people".to_owned(),
        access: Access::Read,
    };
    command(Verb::Select, vec![people])
}

pub(crate) fn opaque() -> Statement {
    Statement::Opaque(Opaque {
        reason: OpaqueReason::Syntax,
        detail: "expected an expression".to_owned(),
    })
}

pub(crate) fn text(text: &str) -> CommandText<'_> {
    CommandText {
        text,
        parameters: &[],
        statements: (&[]).into(),
        signals: &[],
    }
}

pub(crate) fn outcome(rows: u64, masked: u64) -> Outcome {
    let status = Status::Completed {
        tag: format!("SELECT {rows}"),
    };
    Outcome {
        status,
        rows,
        bytes: 100,
        masked,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: 1500,
    }
}

/// A short but complete record with one of each kind of entry.
pub(crate) fn record(dir: &Path, start: &SessionStart) {
    let mut writer = SessionWriter::create(dir, start).unwrap();
    writer.opened("shop", "alice", &BTreeMap::new()).unwrap();
    let seq = writer
        .refused(&refusal(), text("drop database shop"))
        .unwrap();
    writer.request(seq, b"rows").unwrap();
    writer.response(seq, b"E no").unwrap();
    writer.outcome(seq, &outcome(2, 1)).unwrap();
    writer.asked(&ask(), text("delete")).unwrap();
    writer.note("policy reloaded").unwrap();
    writer.end(&End::Closed).unwrap();
}

/// What a reader gives of a file.
pub(crate) fn read(path: &Path) -> (Vec<Entry>, Option<ReadError>, Tail) {
    let mut reader = match SessionReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error), Tail::Whole),
    };
    let (mut entries, mut errors) = (Vec::new(), Vec::new());
    for item in reader.by_ref() {
        match item {
            Ok(entry) => entries.push(entry),
            Err(error) => errors.push(error),
        }
    }
    assert!(
        reader.next().is_none() && errors.len() <= 1,
        "it ends once and for all"
    );
    (entries, errors.pop(), reader.tail())
}

/// What a reader gives of these bytes.
pub(crate) fn read_bytes(bytes: &[u8]) -> (Vec<Entry>, Option<ReadError>, Tail) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    read(file.path())
}
