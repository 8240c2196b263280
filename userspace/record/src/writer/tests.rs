use std::{
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use weir_command::{Access, Object, Verb};
use weir_policy::Refusal;

use super::*;
use crate::{
    Entry, Event, Intent, SessionStart, StatementSummary, Summary, Tail, VerdictSummary,
    header::{Anchor, Rest},
    journal::Opening,
    samples::{
        self, ask, command, dir, opaque, outcome, permit, read, refusal, select, start, text,
    },
    store,
};

fn events(path: &Path) -> Vec<Event> {
    let (entries, error, tail) = read(path);
    assert!(error.is_none() && tail == Tail::Whole, "{error:?} {tail:?}");
    let event = |entry| match entry {
        Entry::Event(event) => event,
        Entry::Response { .. } | Entry::Request { .. } => panic!("bytes"),
    };
    entries.into_iter().map(event).collect()
}

#[test]
fn only_the_owner_gets_at_a_record() {
    let parent = dir();
    let dir = parent.path().join("state/records");
    let writer = SessionWriter::create(&dir, &start()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(writer.path()), 0o600);

    for bits in [0o755, 0o750, 0o701, 0o1777] {
        fs::set_permissions(&dir, Permissions::from_mode(bits)).unwrap();
        let another = SessionStart {
            id: samples::id(i64::from(bits)),
            ..start()
        };
        let error = SessionWriter::create(&dir, &another).unwrap_err();
        assert!(
            matches!(error, RecordError::Exposed { mode, .. } if mode == bits),
            "{error}"
        );
        assert!(error.to_string().ends_with("chmod 700 it"), "{error}");
    }
}

#[test]
fn the_file_is_appended_to_and_not_inherited() {
    const O_APPEND: u32 = 0o2000;
    const O_CLOEXEC: u32 = 0o2_000_000;
    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    writer.note("open").unwrap();
    let ours = fs::read_dir("/proc/self/fd").unwrap().find_map(|fd| {
        let fd = fd.unwrap();
        let is_ours = fs::read_link(fd.path()).is_ok_and(|to| to == writer.path());
        is_ours.then(|| fd.file_name().into_string().unwrap())
    });
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", ours.unwrap())).unwrap();
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    assert_eq!(flags & (O_APPEND | O_CLOEXEC), O_APPEND | O_CLOEXEC);
}

#[test]
fn never_another_file() {
    let dir = dir();
    samples::record(dir.path(), &start());
    let path = store::path_of(dir.path(), start().id);
    let before = fs::read(&path).unwrap();
    let error = SessionWriter::create(dir.path(), &start()).unwrap_err();
    assert!(matches!(error, RecordError::Create { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::remove_file(&path).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = SessionWriter::create(dir.path(), &start()).unwrap_err();
    assert!(matches!(error, RecordError::Create { .. }), "{error}");
    assert!(!elsewhere.exists(), "a planted link is not followed");
}

#[test]
fn a_full_disk_is_named_and_ends_the_writing() {
    let full = || {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let path = Path::new("/records/x.weir").to_owned();
        Ledger::new(path, Box::new(file), None, None)
    };
    let opening = Opening {
        rest: Rest {
            id: start().id,
            anchor: Anchor::default(),
            envelope: None,
        },
        file_key: None,
        witness: None,
        spools: None,
    };
    let error = SessionWriter::begin(full(), None, opening, &start()).unwrap_err();
    assert!(matches!(error, RecordError::Full { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.starts_with("no room left for the record /records/x.weir: "),
        "{said}"
    );

    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    let seq = writer.refused(&refusal(), text("drop")).unwrap();
    let blame = |path, source| RecordError::Write { path, source };
    writer
        .gathering
        .lock()
        .guarded(
            |spool| {
                spool.ledger = Arc::new(full());
                Ok(())
            },
            blame,
        )
        .unwrap();
    let first = writer.intent(permit(), text("select"));
    assert!(matches!(first, Err(RecordError::Full { .. })), "{first:?}");
    let poisoned = |result: Result<(), RecordError>| {
        assert!(
            matches!(result, Err(RecordError::Poisoned { .. })),
            "{result:?}"
        );
    };
    poisoned(writer.intent(permit(), text("select")).map(drop));
    poisoned(writer.refused(&refusal(), text("drop")).map(drop));
    poisoned(writer.asked(&ask(), text("delete")).map(drop));
    poisoned(writer.outcome(seq, &outcome(0, 0)));
    poisoned(writer.response(seq, b"rows"));
    poisoned(writer.opened("shop", "alice", &BTreeMap::new()));
    poisoned(writer.note("x"));
    poisoned(writer.sync());
    poisoned(writer.end(&End::Shutdown));
}

#[test]
fn a_number_of_no_command_is_refused_and_nothing_written() {
    let (one, other) = (dir(), dir());
    let mut longer = SessionWriter::create(one.path(), &start()).unwrap();
    longer.refused(&refusal(), text("1")).unwrap();
    let foreign = longer.refused(&refusal(), text("2")).unwrap();

    let mut writer = SessionWriter::create(other.path(), &start()).unwrap();
    writer.refused(&refusal(), text("1")).unwrap();
    let before = fs::read(writer.path()).unwrap();
    for seq in [Seq::NONE, foreign] {
        let outcome = writer.outcome(seq, &outcome(0, 0));
        assert!(
            matches!(outcome, Err(RecordError::UnknownCommand { .. })),
            "{outcome:?}"
        );
        let response = writer.response(seq, b"x");
        assert!(
            matches!(response, Err(RecordError::UnknownCommand { .. })),
            "{response:?}"
        );
    }
    assert_eq!(fs::read(writer.path()).unwrap(), before);
    writer.note("and goes on").unwrap();
}

#[test]
fn commands_are_numbered_whatever_the_verdict() {
    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    let path = writer.path().to_owned();
    let statements = [select(), opaque()];
    let command = CommandText {
        text: "select 1; se",
        parameters: &[Some("4711".to_owned()), None],
        statements: (&statements).into(),
        signals: &[],
    };
    let permit = permit();
    let (version, deciding) = (permit.version().to_string(), permit.deciding().to_vec());
    let recorded = writer.intent(permit, command).unwrap();
    assert_eq!(
        (recorded.seq().get(), recorded.permit().deciding()),
        (1, &deciding[..])
    );
    assert_eq!(writer.refused(&refusal(), command).unwrap().get(), 2);
    assert_eq!(writer.asked(&ask(), command).unwrap().to_string(), "3");
    writer.end(&End::Closed).unwrap();

    let intents = events(&path).into_iter().filter_map(|event| match event {
        Event::Intent(intent) => Some(intent),
        _ => None,
    });
    let intents = intents.collect::<Vec<_>>();
    let verdicts = intents
        .iter()
        .map(|intent| intent.verdict.clone())
        .collect::<Vec<_>>();
    let (refusal, ask) = (refusal(), ask());
    assert_eq!(
        verdicts,
        [
            VerdictSummary::Allow {
                policies: deciding,
                would_be: None,
                approved_by: vec![],
                only_prepares: false
            },
            VerdictSummary::Deny {
                rule: refusal.rule,
                message: refusal.message,
                policies: refusal.deciding
            },
            VerdictSummary::Ask {
                approvers: ask.approvers(),
                message: ask.message().map(str::to_owned),
                policies: ask.deciding().to_vec()
            },
        ]
    );
    assert_eq!(intents[0].policy_version, version);
    assert_eq!(intents[1].policy_version, "0123456789abcdef");
    assert_eq!(
        intents[0].statements,
        [
            StatementSummary {
                verb: "select".to_owned(),
                objects: vec!["read public.people".to_owned()],
                opaque: None
            },
            StatementSummary {
                verb: "opaque".to_owned(),
                objects: vec![],
                opaque: Some("syntax: expected an expression".to_owned())
            },
        ]
    );
    assert!(
        intents
            .iter()
            .all(|i| i.parameters == [Some("4711".to_owned()), None])
    );
    assert!(intents.is_sorted_by_key(|Intent { at, .. }| *at) && intents[0].at >= 0);
}

#[test]
fn no_object_can_pass_for_another() {
    let object = |database: Option<&str>, schema: Option<&str>, name: &str, access| Object {
        database: database.map(str::to_owned),
        schema: schema.map(str::to_owned),
        name: name.to_owned(),
        access,
    };
    let statements = [command(
        Verb::Merge,
        vec![
            object(Some("shop"), Some("public"), "people", Access::Write),
            object(None, None, "public.people", Access::Read),
            object(None, Some("a\".b"), "People", Access::Define),
            object(None, None, "", Access::Read),
            object(None, None, "1st", Access::Read),
        ],
    )];
    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    writer
        .refused(
            &refusal(),
            CommandText {
                text: "",
                parameters: &[],
                statements: (&statements).into(),
                signals: &[],
            },
        )
        .unwrap();
    let Event::Intent(intent) = events(writer.path()).remove(1) else {
        panic!("no intent")
    };
    assert_eq!(
        intent.statements[0].objects,
        [
            "write shop.public.people",
            r#"read "public.people""#,
            r#"define "a"".b"."People""#,
            r#"read """#,
            r#"read "1st""#,
        ]
    );
}

#[test]
fn a_long_response_goes_over_several_frames() {
    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    let seq = writer.refused(&refusal(), text("select")).unwrap();
    let sent = (0..(33 << 20))
        .map(|n: u32| n.to_le_bytes()[n as usize % 3])
        .collect::<Vec<_>>();
    writer.response(seq, &sent).unwrap();
    let (entries, error, tail) = read(writer.path());
    assert!(error.is_none() && tail == Tail::Whole);
    let parts = entries.into_iter().filter_map(|entry| match entry {
        Entry::Response { seq, bytes, .. } => Some((seq, bytes)),
        Entry::Event(_) | Entry::Request { .. } => None,
    });
    let parts = parts.collect::<Vec<_>>();
    assert_eq!(parts.len(), 3);
    assert!(
        parts
            .iter()
            .all(|(of, bytes)| *of == seq && bytes.len() <= 16 << 20)
    );
    let got = parts
        .into_iter()
        .flat_map(|(_, bytes)| bytes)
        .collect::<Vec<_>>();
    assert!(got == sent);
}

#[test]
fn a_writer_that_is_dropped_leaves_an_unfinished_record() {
    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    writer.sync().unwrap();
    writer.sync().unwrap();
    let path = writer.path().to_owned();
    assert_eq!(*writer.id(), start().id);
    drop(writer);
    let summary = Summary::read(&path).unwrap();
    assert_eq!((summary.end, summary.tail), (None, Tail::Whole));
}

mod faults;
mod round_trip;

#[test]
fn what_goes_on_only_because_it_is_observed_says_what_would_have_stopped_it() {
    let dir = dir();
    let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
    let path = writer.path().to_owned();
    let nobody = weir_policy::Source {
        name: "none.cedar".to_owned(),
        text: "@id(\"none\") forbid (principal, action, resource);".to_owned(),
    };
    let policies = weir_policy::Policies::load(&[nobody]).unwrap();
    let observed = policies.observe_unjudged("undeclared-destination", "nobody declared it".into());
    let proof = writer.intent(observed, text("connect")).unwrap();
    assert!(proof.permit().would_be().is_some());
    let _plain = writer.intent(permit(), text("connect")).unwrap();
    writer.end(&End::Closed).unwrap();

    let verdicts: Vec<_> = events(&path)
        .into_iter()
        .filter_map(|event| match event {
            Event::Intent(intent) => Some(intent.verdict),
            _ => None,
        })
        .collect();
    let [
        VerdictSummary::Allow {
            policies,
            would_be: Some(would_be),
            ..
        },
        plain,
    ] = &verdicts[..]
    else {
        panic!("{verdicts:?}");
    };
    assert!(policies.is_empty());
    assert_eq!(
        **would_be,
        VerdictSummary::Deny {
            rule: "undeclared-destination".to_owned(),
            message: "nobody declared it".to_owned(),
            policies: vec![],
        }
    );
    assert!(matches!(
        plain,
        VerdictSummary::Allow { would_be: None, .. }
    ));
    let summary = crate::Summary::read(&path).unwrap();
    assert_eq!(
        (summary.commands, summary.observed, summary.refused),
        (2, 1, 0)
    );
}
