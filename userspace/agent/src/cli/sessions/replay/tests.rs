//! Replays of records made by hand: what a person sees of a session, hostile or not.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use weir_command::{
    Access, Command, Control, Object, Opaque, OpaqueReason, Predicate, RowLimit, Statement, Verb,
};
use weir_policy::{Context, Policies, Refusal, Request, Source, Subject, Target, Verdict};
use weir_record::{
    CommandText, End, MaskedColumns, Outcome, Process, SessionId, SessionReader, SessionWriter,
    Status,
};
use weir_wire::postgres::{
    Format,
    backend::{
        CommandComplete, DataRow, DiagnosticBuilder, FieldDescription, RowDescription, Severity,
        SqlState,
    },
};

use super::{super::super::out::capture, *};

struct Recording {
    dir: tempfile::TempDir,
    writer: SessionWriter,
    policies: Policies,
}

impl Recording {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let started = "2026-11-21T10:03:22.5Z".parse().unwrap();
        let start = SessionStart {
            id: SessionId::new(started, 7),
            started,
            workload: "ci".into(),
            subject: "unix:alice".into(),
            groups: vec!["dev".into(), "ops".into()],
            on_behalf_of: Some("bob@example.com".into()),
            process: Process {
                pid: 77,
                started: None,
                uid: 1000,
                gid: 1000,
                exe: Some("/usr/bin/psql".into()),
                comm: "psql\u{1b}[2J".into(),
                cgroup: "/weir/ci".into(),
                ..Process::default()
            },
            destination: "192.0.2.7:5432".into(),
            destination_name: None,
            target: Some("orders".into()),
            protocol: Some("postgres".into()),
            policy_version: "0011223344556677".into(),
            observed: false,
        };
        let writer = SessionWriter::create(&dir.path().join("records"), &start).unwrap();
        let everything = "@id(\"default-read\")\npermit(principal, action, resource);";
        let source = Source {
            name: "all.cedar".into(),
            text: everything.into(),
        };
        let policies = Policies::load(&[source]).unwrap();
        Self {
            dir,
            writer,
            policies,
        }
    }

    fn allowed(&mut self, text: &str) -> weir_record::Seq {
        let statement = select();
        let request = Request {
            subject: &Subject {
                id: "unix:alice".into(),
                groups: Vec::new(),
                on_behalf_of: None,
            },
            target: &Target {
                name: "orders".into(),
                protocol: "postgres".into(),
                database: "orders".into(),
            },
            statement: &statement,
            names: None,
            context: &Context::default(),
        };
        let Verdict::Allow(permit) = self.policies.judge(&request) else {
            panic!("the test's policy permits everything")
        };
        let statements = &[statement];
        self.writer
            .intent(
                permit,
                CommandText {
                    text,
                    parameters: &[Some("7".into()), None],
                    statements: statements.into(),
                    signals: &[],
                },
            )
            .unwrap()
            .seq()
    }

    fn refused(&mut self, text: &str, statement: Statement) -> weir_record::Seq {
        let refusal = Refusal {
            rule: "no-destroy".into(),
            message: "it would destroy data".into(),
            deciding: vec!["no-destroy".into()],
            version: self.policies.version().clone(),
        };
        self.writer
            .refused(
                &refusal,
                CommandText {
                    text,
                    parameters: &[],
                    statements: (&[statement]).into(),
                    signals: &[],
                },
            )
            .unwrap()
    }

    fn sees(&mut self, seq: weir_record::Seq, bytes: &[u8]) {
        self.writer.response(seq, bytes).unwrap();
    }

    fn done(&mut self, seq: weir_record::Seq, status: Status, rows: u64, masked: u64) {
        // Durations are the writer's own elsewhere; here they are fixed.
        let outcome = Outcome {
            status,
            rows,
            bytes: 0,
            masked,
            masked_columns: Vec::new(),
            detected: Vec::new(),
            sent: None,
            micros: 1_500,
        };
        self.writer.outcome(seq, &outcome).unwrap();
    }

    /// The replay, with the times of day, which are not the test's to choose, taken out.
    fn replayed(self, end: Option<&End>) -> String {
        let path = self.writer.path().to_owned();
        match end {
            Some(end) => self.writer.end(end).unwrap(),
            None => drop(self.writer),
        }
        let mut entries = SessionReader::open(&path).unwrap();
        let Some(Ok(Entry::Event(Event::Start(start)))) = entries.next() else {
            panic!()
        };
        let recorded = Recorded::of(start, entries);
        let shown =
            capture::plain(|out| print(recorded, Pace::Fast, out).map_err(io::Error::other));
        drop(self.dir);
        shown
            .replace("10:03:22.5", "T")
            .lines()
            .map(timeless)
            .collect()
    }
}

fn timeless(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    if line.starts_with('#') && words.len() > 2 {
        words[2] = "T".into();
    }
    words.join(" ") + "\n"
}

fn select() -> Statement {
    let people = Object {
        database: None,
        schema: Some("public".into()),
        name: "people".into(),
        access: Access::Read,
    };
    Statement::Command(Box::new(Command {
        verb: Verb::Select,
        objects: vec![people],
        columns: Default::default(),
        predicate: Predicate::NotApplicable,
        effects: BTreeSet::new(),
        functions: BTreeSet::new(),
        operators: BTreeSet::new(),
        row_limit: RowLimit::Unknown,
        gathers: false,
        control: Control::None,
    }))
}

fn opaque() -> Statement {
    Statement::Opaque(Opaque {
        reason: OpaqueReason::Syntax,
        detail: "not read".into(),
    })
}

fn field(name: &str, type_oid: u32, format: Format) -> FieldDescription {
    FieldDescription {
        name: Bytes::copy_from_slice(name.as_bytes()),
        table_oid: 1,
        column: 1,
        type_oid,
        type_size: -1,
        type_modifier: -1,
        format,
    }
}

fn described(fields: &[FieldDescription]) -> Vec<u8> {
    RowDescription::new(fields).unwrap().frame().raw().to_vec()
}

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    DataRow::new(values).unwrap().frame().raw().to_vec()
}

fn complete(tag: &str) -> Vec<u8> {
    CommandComplete::new(tag.as_bytes())
        .unwrap()
        .frame()
        .raw()
        .to_vec()
}

#[test]
fn what_was_masked_is_marked_in_the_result_that_it_is_in() {
    let mut recording = Recording::new();
    let seq = recording.allowed("SELECT id, email FROM people; SELECT email FROM people");
    let columns = [
        field("id", 23, Format::Text),
        field("email", 25, Format::Text),
    ];
    let mut answer = described(&columns);
    answer.extend(row(&[Some(b"1"), Some(b"ada@example.com")]));
    answer.extend(complete("SELECT 1"));
    answer.extend(described(&columns[1..]));
    answer.extend(row(&[Some(b"a***")]));
    answer.extend(complete("SELECT 1"));
    recording.sees(seq, &answer);
    let outcome = Outcome {
        status: Status::Refused,
        rows: 2,
        bytes: 0,
        masked: 1,
        detected: Vec::new(),
        masked_columns: vec![MaskedColumns {
            statement: 1,
            columns: vec![0],
        }],
        sent: None,
        micros: 1,
    };
    recording.writer.outcome(seq, &outcome).unwrap();
    let shown = recording.replayed(Some(&End::Closed));
    assert!(shown.contains(" id | email\n"), "{shown}");
    assert!(shown.contains(" email (masked)\n"), "{shown}");
}

#[test]
fn a_session_reads_as_a_story() {
    let mut recording = Recording::new();
    recording
        .writer
        .opened("orders", "app", &BTreeMap::new())
        .unwrap();

    let seq = recording.allowed("SELECT id, email\n  FROM people");
    let mut answer = described(&[
        field("id", 23, Format::Binary),
        field("email", 25, Format::Text),
    ]);
    answer.extend(row(&[
        Some(&1_i32.to_be_bytes()),
        Some(b"a***@example.com"),
    ]));
    answer.extend(row(&[Some(&22_i32.to_be_bytes()), None]));
    answer.extend(complete("SELECT 2"));
    recording.sees(seq, &answer);
    recording.done(
        seq,
        Status::Completed {
            tag: "SELECT 2".into(),
        },
        2,
        1,
    );

    let seq = recording.refused("DROP DATABASE orders", opaque());
    let code = SqlState::INSUFFICIENT_PRIVILEGE;
    let error = DiagnosticBuilder::new(Severity::Error, code, "refused by no-destroy")
        .detail("it would destroy data")
        .error();
    recording.sees(seq, error.frame().raw());
    recording.done(seq, Status::Refused, 0, 0);

    let shown = recording.replayed(Some(&End::Closed));
    assert_eq!(
        shown,
        "\
session 06f8f5gmw8000007  2026-11-21 10:03:22Z
  who      unix:alice in dev, ops on behalf of bob@example.com
  process  psql\\x1b[2J (pid 77, uid 1000), /usr/bin/psql
  workload ci in /weir/ci
  where    orders (postgres), dialled as 192.0.2.7:5432
  policy   0011223344556677
  opened   database orders as app

#1  T  allowed by default-read
  select: read public.people
  > SELECT id, email
  >   FROM people
  $1 = 7
  $2 is NULL
 id | email
----+------------------
  1 | a***@example.com
 22 | NULL
(2 rows)
SELECT 2
  SELECT 2, 2 rows, 1 value masked, 1.5 ms

#2  T  refused by no-destroy: it would destroy data
  could not be read (syntax: not read)
  > DROP DATABASE orders
ERROR 42501: refused by no-destroy
  detail: it would destroy data
  not forwarded, 1.5 ms

closed
"
        .replace("06f8f5gmw8000007", shown.split(' ').nth(1).unwrap())
    );
}

#[test]
fn hostile_text_and_values_stay_where_they_belong() {
    let mut recording = Recording::new();
    let seq = recording.allowed("SELECT '\u{1b}]0;owned\u{7}'\u{1b}[1A\u{202e}");
    let mut answer = described(&[field("\u{1b}[31m", 25, Format::Text)]);
    answer.extend(row(&[Some(b"line\none\r\x1b[2J\xc2\x9b1m")]));
    answer.extend(row(&[Some(b"\xff\xfe")]));
    answer.extend(complete("SELECT 2\u{1b}[8m"));
    recording.sees(seq, &answer);
    let shown = recording.replayed(Some(&End::Error {
        message: "a\u{1b}[0mb".into(),
    }));
    let hazard = |c: char| c != '\n' && super::super::super::escape::is_hazard(c);
    assert!(!shown.contains(hazard), "{shown:?}");
    assert!(shown.contains(r"line\none\r\x1b[2J\u{9b}1m"), "{shown}");
    assert!(shown.contains(r"\xfffe"), "{shown}");
}

#[test]
fn answers_of_a_pipeline_are_told_under_their_commands() {
    let mut recording = Recording::new();
    let first = recording.allowed("SELECT 1");
    let second = recording.allowed("SELECT 2");
    recording.sees(first, &complete("SELECT 1"));
    recording.done(
        first,
        Status::Completed {
            tag: "SELECT 1".into(),
        },
        1,
        0,
    );
    recording.sees(second, &complete("SELECT 2"));
    recording.done(second, Status::Lost, 0, 0);
    let shown = recording.replayed(None);
    let (_, rest) = shown.split_once("#2  T  allowed").unwrap();
    let (back, rest) = rest.split_once("#1  T").unwrap();
    assert!(!back.contains("SELECT 1"), "{shown}");
    let (one, two) = rest.split_once("#2  T").unwrap();
    assert!(
        one.contains("SELECT 1, 1 row") && two.contains("lost"),
        "{shown}"
    );
    assert!(shown.ends_with("the record stops here: the session goes on, or weir was killed\n"));
}

#[test]
fn an_answer_recorded_in_pieces_is_one() {
    let mut recording = Recording::new();
    let seq = recording.allowed("SELECT 1");
    let mut answer = described(&[field("n", 23, Format::Text)]);
    answer.extend(row(&[Some(b"1")]));
    answer.extend(complete("SELECT 1"));
    for byte in answer {
        recording.sees(seq, &[byte]);
    }
    let shown = recording.replayed(Some(&End::Closed));
    assert!(
        shown.contains(" n\n---\n 1\n(1 row)\nSELECT 1\n"),
        "{shown}"
    );
}

#[test]
fn an_answer_that_makes_no_sense_does_not_hide_the_next() {
    let mut recording = Recording::new();
    let seq = recording.allowed("SELECT 1");
    recording.sees(seq, b"\xffgarbage that is no message at all");
    recording.sees(seq, &complete("SELECT 1"));
    recording.done(
        seq,
        Status::Completed {
            tag: "SELECT 1".into(),
        },
        0,
        0,
    );
    let seq = recording.allowed("SELECT 2");
    recording.sees(seq, b"C\0\0\0\x0dSEL");
    recording.done(seq, Status::Lost, 0, 0);
    let seq = recording.allowed("SELECT 3");
    recording.sees(seq, &complete("SELECT 3"));
    let shown = recording.replayed(Some(&End::Closed));
    assert!(
        shown.contains("the rest of this answer can't be read"),
        "{shown}"
    );
    assert!(
        shown.contains("(8 bytes of a message that was cut off)"),
        "{shown}"
    );
    assert!(shown.contains("\nSELECT 3\n"), "{shown}");
}

#[test]
fn rows_without_a_description_are_shown_under_numbered_columns() {
    let mut recording = Recording::new();
    let seq = recording.allowed("EXECUTE prepared");
    recording.sees(seq, &row(&[Some(b"a"), Some(b"b")]));
    recording.sees(seq, &row(&[Some(b"c")]));
    recording.sees(seq, &complete("SELECT 2"));
    let shown = recording.replayed(Some(&End::Closed));
    assert!(shown.contains(" column 1 | column 2\n"), "{shown}");
    assert!(shown.contains(" column 1\n"), "{shown}");
}
