//! Records of real writers, indexed and asked.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use jiff::{SignedDuration, Timestamp};
use weir_command::{Access, ColumnUse, Command, Control, Object, Predicate, Statement, Verb};
use weir_policy::{Context, Permit, Policies, Refusal, Request, Source, Subject, Target, Verdict};
use weir_record::{
    CommandText, Durability, End, Options, Outcome, Process, Recorder, Seq, SessionId,
    SessionStart, SessionWriter, SigningKey, Status,
};

use crate::{Index, Wanted};

mod asked;
mod cost;
mod damage;
mod encrypted;
mod kept_up;

static POLICIES: LazyLock<Policies> = LazyLock::new(|| {
    policies("@id(\"all\") @message(\"anything\") permit(principal, action, resource);")
});

/// What asks a human about every command.
static ASKING: LazyLock<Policies> = LazyLock::new(|| {
    policies(
        "@id(\"ask\") @message(\"a second pair of eyes\") @approvers(\"dba-oncall\") \
         permit(principal, action in Weir::Action::\"command\", resource) when { context.approved };",
    )
});

fn policies(text: &str) -> Policies {
    let source = Source {
        name: "all.cedar".to_owned(),
        text: text.to_owned(),
    };
    Policies::load(&[source]).unwrap()
}

/// A directory of records and, beside it, a place for an index.
struct Bed {
    dir: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        Self { dir }
    }

    fn records(&self) -> PathBuf {
        self.dir.path().join("records")
    }

    fn index(&self) -> PathBuf {
        self.dir.path().join("index.db")
    }

    fn begin(&self, second: i64, subject: &str, target: Option<&str>) -> Recording {
        let start = start(second, subject, target);
        let writer = SessionWriter::create(&self.records(), &start).unwrap();
        Recording {
            id: start.id,
            writer,
        }
    }

    /// What an index holds that was made of these records at once.
    /// A session whose entries are gathered, as a daemon's are.
    fn gather(&self, start: &SessionStart) -> Recording {
        let recorder = Recorder::open(Options {
            dir: self.records(),
            key: SigningKey::open(self.dir.path()).unwrap(),
            durability: Durability::Batched,
            recipients: Vec::new(),
            reserve: 0,
            keep: None,
            max_size: None,
        });
        Recording {
            id: start.id,
            writer: recorder.unwrap().create(start).unwrap(),
        }
    }

    fn made_at_once(&self) -> String {
        let mut index = Index::in_memory().unwrap();
        index.update(&self.records()).unwrap();
        index.dump().unwrap()
    }
}

fn start(second: i64, subject: &str, target: Option<&str>) -> SessionStart {
    let started = moment(second);
    SessionStart {
        id: SessionId::new(started, 7),
        started,
        workload: format!("{}-workload", subject.len() % 2),
        subject: subject.to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
        process: Process::default(),
        destination: "192.0.2.7:5432".to_owned(),
        destination_name: None,
        target: target.map(ToOwned::to_owned),
        protocol: Some("postgres".to_owned()),
        policy_version: POLICIES.version().to_string(),
        observed: false,
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000).unwrap() + SignedDuration::from_secs(second)
}

/// A session that is being recorded.
struct Recording {
    id: SessionId,
    writer: SessionWriter,
}

impl Recording {
    fn allowed(&mut self, text: &str, parameters: &[&str], objects: &[&str]) -> Seq {
        let statement = statement(objects);
        let permit = permit(&statement);
        let parameters: Vec<_> = parameters.iter().map(|p| Some((*p).to_owned())).collect();
        let statements = [statement];
        let command = CommandText {
            text,
            parameters: &parameters,
            statements: (&statements).into(),
            signals: &[],
        };
        self.writer.intent(permit, command).unwrap().seq()
    }

    fn refused(&mut self, text: &str, objects: &[&str]) -> Seq {
        let refusal = Refusal {
            rule: "no-destroy".to_owned(),
            message: "no".to_owned(),
            deciding: vec!["no-destroy".to_owned()],
            version: POLICIES.version().clone(),
        };
        let statements = [statement(objects)];
        let command = CommandText {
            text,
            parameters: &[],
            statements: (&statements).into(),
            signals: &[],
        };
        self.writer.refused(&refusal, command).unwrap()
    }

    fn asked(&mut self, text: &str, objects: &[&str]) -> Seq {
        let statement = statement(objects);
        let ask = match judge(&ASKING, &statement) {
            Verdict::Ask(ask) => ask,
            other => panic!("not asked: {other:?}"),
        };
        let statements = [statement];
        let command = CommandText {
            text,
            parameters: &[],
            statements: (&statements).into(),
            signals: &[],
        };
        self.writer.asked(&ask, command).unwrap()
    }

    fn done(&mut self, seq: Seq, rows: u64) {
        let outcome = Outcome {
            status: Status::Completed {
                tag: format!("SELECT {rows}"),
            },
            rows,
            bytes: rows * 10,
            masked: rows,
            masked_columns: Vec::new(),
            detected: Vec::new(),
            sent: None,
            micros: 5,
        };
        self.writer.outcome(seq, &outcome).unwrap();
    }

    fn end(self) -> SessionId {
        self.writer.end(&End::Closed).unwrap();
        self.id
    }

    fn path(&self) -> &Path {
        self.writer.path()
    }
}

fn permit(statement: &Statement) -> Permit {
    match judge(&POLICIES, statement) {
        Verdict::Allow(permit) => permit,
        other => panic!("not allowed: {other:?}"),
    }
}

fn judge(policies: &Policies, statement: &Statement) -> Verdict {
    policies.judge(&Request {
        subject: &Subject {
            id: "unix:alice".to_owned(),
            groups: Vec::new(),
            on_behalf_of: None,
        },
        target: &Target {
            name: "shop".to_owned(),
            protocol: "postgres".to_owned(),
            database: "shop".to_owned(),
        },
        statement,
        names: None,
        context: &Context::default(),
    })
}

/// A statement that reads objects, each of which is written `schema.name` or `name`.
fn statement(objects: &[&str]) -> Statement {
    let objects = objects.iter().map(|object| {
        let (schema, name) = match object.split_once('.') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, *object),
        };
        Object {
            access: Access::Read,
            database: None,
            schema,
            name: name.to_owned(),
        }
    });
    Statement::Command(Box::new(Command {
        verb: Verb::Select,
        objects: objects.collect(),
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

fn ids(index: &Index, wanted: &Wanted) -> Vec<SessionId> {
    let listed = index.list(wanted).unwrap();
    listed.sessions.iter().map(|one| one.start.id).collect()
}

fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}
