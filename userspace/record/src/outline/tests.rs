use std::{collections::BTreeMap, fs, path::PathBuf};

use age::{secrecy::ExposeSecret, x25519};

use super::*;
use crate::{
    Answered, CommandText, Durability, Entry, Identities, Options, Recorder, SessionReader,
    SessionWriter, Side, VerdictSummary, outline, pack::Unpacker, samples, store,
};

/// What must be readable to nobody but the recipients.
const HIDDEN: &str = "tellnobody";

struct Sealed {
    dir: tempfile::TempDir,
    identities: Identities,
    recorder: Recorder,
}

impl Sealed {
    fn new() -> Self {
        let dir = samples::dir();
        let identity = x25519::Identity::generate();
        let recorder = Recorder::open(Options {
            dir: dir.path().to_owned(),
            key: samples::key(1),
            durability: Durability::Batched,
            recipients: vec![identity.to_public().to_string().parse().unwrap()],
            reserve: 0,
            keep: None,
            max_size: None,
        })
        .unwrap();
        Self {
            identities: identity.to_string().expose_secret().parse().unwrap(),
            dir,
            recorder,
        }
    }

    fn begin(&self) -> SessionWriter {
        let mut start = samples::start();
        start.process.arguments = vec!["psql".to_owned(), HIDDEN.to_owned()];
        self.recorder.create(&start).unwrap()
    }

    fn path(&self) -> PathBuf {
        store::path_of(self.dir.path(), samples::id(0))
    }

    fn outline(&self) -> Vec<Event> {
        events(SessionReader::survey(&self.path()).unwrap())
    }

    fn whole(&self) -> Vec<Event> {
        events(SessionReader::open_with(&self.path(), Some(&self.identities)).unwrap())
    }

    /// Everything in the file that is not encrypted, unpacked.
    fn readable(&self) -> String {
        let bytes = fs::read(self.path()).unwrap();
        let envelope = u32::from_le_bytes(bytes[12..16].try_into().unwrap());
        let mut rest = &bytes[16 + envelope as usize..];
        let mut readable = String::from_utf8_lossy(&bytes).into_owned();
        while let Some(length) = rest.first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let body = &rest[5..5 + length];
            if rest[4] == 17 {
                let content = Unpacker::alone().unwrap().unpack(body).unwrap();
                outline::parse(&content[8..]).unwrap();
                readable.push_str(&String::from_utf8_lossy(&content));
            }
            rest = &rest[5 + length + 16..];
        }
        readable
    }
}

fn events(reader: SessionReader) -> Vec<Event> {
    let entries = reader.map(Result::unwrap);
    let events = entries.filter_map(|entry| match entry {
        Entry::Event(event) => Some(event),
        Entry::Response { .. } | Entry::Request { .. } => None,
    });
    events.collect()
}

fn hidden() -> String {
    HIDDEN.to_owned()
}

/// One of everything, each with something to hide where it can have that.
fn everything(writer: &mut SessionWriter) {
    let settings = BTreeMap::from([("application_name".to_owned(), hidden())]);
    writer.opened("shop", "alice", &settings).unwrap();
    let process = Process {
        arguments: vec![hidden()],
        ..Process::default()
    };
    writer.process(&process).unwrap();
    let opaque = weir_command::Statement::Opaque(weir_command::Opaque {
        reason: weir_command::OpaqueReason::Syntax,
        detail: hidden(),
    });
    let statements = [samples::select(), opaque];
    let command = CommandText {
        text: HIDDEN,
        parameters: &[Some(hidden())],
        statements: (&statements).into(),
        signals: &[],
    };
    let refusal = weir_policy::Refusal {
        message: hidden(),
        ..samples::refusal()
    };
    let seq = writer.refused(&refusal, command).unwrap();
    writer.request(seq, HIDDEN.as_bytes()).unwrap();
    writer.response(seq, HIDDEN.as_bytes()).unwrap();
    let failed = Outcome {
        status: Status::Failed {
            code: "23505".to_owned(),
            message: hidden(),
        },
        ..samples::outcome(7, 3)
    };
    writer.outcome(seq, &failed).unwrap();
    let asked = writer.asked(&samples::ask(), command).unwrap();
    let answered = Approval::Answered {
        by: "unix:bob".to_owned(),
        name: None,
        answer: Answered::No,
        reason: Some(hidden()),
    };
    writer.approval(asked, &answered).unwrap();
    writer.note(HIDDEN).unwrap();
}

#[test]
fn who_did_what_to_which_tables_is_readable_and_nothing_that_was_said() {
    for end in [
        End::Error { message: hidden() },
        End::ProtocolError {
            side: Side::Server,
            message: hidden(),
        },
        End::Refused {
            rule: "no".to_owned(),
            message: hidden(),
        },
    ] {
        let sealed = Sealed::new();
        let mut writer = sealed.begin();
        everything(&mut writer);
        writer.end(&end).unwrap();
        let readable = sealed.readable();
        assert!(!readable.contains(HIDDEN), "{readable}");

        let (outline, whole) = (sealed.outline(), sealed.whole());
        assert_eq!(outline.len(), whole.len());
        let shape = |event: &Event| {
            let json = serde_json::to_value(event).unwrap();
            json["event"].as_str().unwrap().to_owned()
        };
        assert!(outline.iter().map(shape).eq(whole.iter().map(shape)));
        let [
            Event::Start(start),
            Event::Opened { database, user, .. },
            _,
            Event::Intent(intent),
            Event::Outcome { outcome, .. },
            Event::Intent(asked),
            Event::Approval { approval, .. },
            ..,
        ] = outline.as_slice()
        else {
            panic!("{outline:?}")
        };
        assert_eq!(
            (start.subject.as_str(), start.target.as_deref()),
            ("unix:alice", Some("shop"))
        );
        assert!(start.process.arguments.is_empty() && start.process.arguments_cut);
        assert_eq!((database.as_str(), user.as_str()), ("shop", "alice"));
        let objects: Vec<_> = intent.statements.iter().flat_map(|s| &s.objects).collect();
        assert_eq!(objects, ["read public.people"]);
        assert_eq!(intent.statements[1].opaque.as_deref(), Some("syntax"));
        assert!(
            matches!(&intent.verdict, VerdictSummary::Deny { rule, .. } if rule == "no-destroy")
        );
        assert_eq!((outcome.rows, outcome.masked), (7, 3));
        assert!(matches!(asked.verdict, VerdictSummary::Ask { .. }));
        assert!(matches!(approval, Approval::Answered { by, .. } if by == "unix:bob"));
    }
}

#[test]
fn a_live_session_is_known_by_its_start_and_the_rest_comes_with_the_checkpoints() {
    let sealed = Sealed::new();
    let mut writer = sealed.begin();
    assert!(matches!(sealed.outline().as_slice(), [Event::Start(_)]));
    for _ in 0..300 {
        writer.note("on").unwrap();
    }
    let outline = sealed.outline();
    assert!((250..300).contains(&outline.len()), "{}", outline.len());
    writer.end(&End::Closed).unwrap();
    assert_eq!(sealed.outline().len(), 302);
}

#[test]
fn an_outline_is_read_on_from_anywhere_in_it() {
    let sealed = Sealed::new();
    let mut writer = sealed.begin();
    for _ in 0..600 {
        writer.note("on").unwrap();
    }
    writer.end(&End::Closed).unwrap();
    let path = sealed.path();
    for first in [1, 2, 100, 254, 255, 256, 257, 601, 602] {
        let mut reader = SessionReader::survey(&path).unwrap();
        assert!(reader.is_outline());
        assert_eq!(reader.by_ref().take(first).count(), first);
        let place = reader.position().unwrap();
        let place = serde_json::from_value(serde_json::to_value(place).unwrap()).unwrap();
        let rest = SessionReader::resume(&path, &place).unwrap();
        assert_eq!(rest.map(Result::unwrap).count(), 602 - first, "{first}");
    }
}

#[test]
fn a_command_that_names_too_much_is_told_without_what_it_names() {
    let sealed = Sealed::new();
    let mut writer = sealed.begin();
    let objects = (0..2000).map(|number| weir_command::Object {
        database: None,
        schema: None,
        name: format!("{number}{}", "x".repeat(1000)),
        access: weir_command::Access::Read,
    });
    let statement = samples::command(weir_command::Verb::Select, objects.collect());
    let statements = [statement];
    let command = CommandText {
        statements: (&statements).into(),
        ..samples::text("select")
    };
    writer.refused(&samples::refusal(), command).unwrap();
    writer
        .refused(&samples::refusal(), samples::text("x"))
        .unwrap();
    writer.end(&End::Closed).unwrap();
    let outline = sealed.outline();
    assert_eq!(outline.len(), 4);
    assert!(matches!(&outline[1], Event::Intent(intent) if intent.statements.is_empty()));
}
