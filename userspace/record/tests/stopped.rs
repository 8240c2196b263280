//! Writers that are stopped from outside, for real: by SIGKILL, and by a full file.
//!
//! Each test starts itself again as a child, told by the environment what to do. `WEIR_KILLS=1000`
//! kills as many.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "how a test fails, also in its helpers"
)]

mod start;

use std::{
    env, fs,
    io::{BufRead, BufReader, Write, stdout},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use weir_command::{Opaque, OpaqueReason, Statement};
use weir_policy::{Context, Permit, Policies, Request, Source, Subject, Target, Verdict};
use weir_record::{
    CommandText, Durability, Entry, Event, Options, RecordError, Recorder, SessionReader,
    SessionWriter, SigningKey, Tail, store,
    verify::{Which, verify},
};

/// Where the child writes; nobody sets it but these tests.
const DIR: &str = "WEIR_TEST_RECORD_DIR";

fn permit() -> Permit {
    let all = "@id(\"all\") @message(\"anything\") permit(principal, action, resource);";
    let source = Source {
        name: "all.cedar".to_owned(),
        text: all.to_owned(),
    };
    let subject = Subject {
        id: "unix:a".to_owned(),
        groups: vec![],
        on_behalf_of: None,
    };
    let [name, protocol, database] = ["shop", "postgres", "shop"].map(str::to_owned);
    let request = Request {
        subject: &subject,
        target: &Target {
            name,
            protocol,
            database,
        },
        names: None,
        statement: &Statement::Opaque(Opaque {
            reason: OpaqueReason::Syntax,
            detail: "unreadable".to_owned(),
        }),
        context: &Context::default(),
    };
    match Policies::load(&[source]).unwrap().judge(&request) {
        Verdict::Allow(permit) => permit,
        other => panic!("not allowed: {other:?}"),
    }
}

/// This program again, running `test` alone as the child.
fn child(program: &mut Command, test: &str, dir: &Path) -> Child {
    program
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// A directory as records want it.
fn private_dir() -> tempfile::TempDir {
    let only_ours = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(only_ours)
        .tempdir()
        .unwrap()
}

/// What the child is to do, in the child.
fn told() -> Option<PathBuf> {
    env::var_os(DIR).map(PathBuf::from)
}

fn say(line: &str) {
    // One write, so that a line is there whole or not at all.
    stdout()
        .write_all(format!("\n@{line}\n").as_bytes())
        .unwrap();
    stdout().flush().unwrap();
}

fn said(line: &str) -> Option<&str> {
    line.strip_prefix('@')
}

/// The texts of a record's intents, its end's shape, and whether a chain broke.
fn intents(path: &Path) -> (Vec<String>, Tail) {
    let mut reader = SessionReader::open(path).unwrap();
    let mut texts = Vec::new();
    for entry in reader.by_ref() {
        if let Entry::Event(Event::Intent(intent)) = entry.unwrap() {
            assert_eq!(intent.seq.get(), texts.len() as u64 + 1);
            texts.push(intent.text);
        }
    }
    (texts, reader.tail())
}

fn recorder(dir: &Path, key: SigningKey) -> Recorder {
    Recorder::open(Options {
        dir: dir.to_owned(),
        key,
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

fn write_until_stopped(mut writer: SessionWriter) -> RecordError {
    let permit = permit();
    for n in 1_u64.. {
        let text = format!(
            "select {n} -- {}",
            "x".repeat(usize::try_from(n % 997).unwrap())
        );
        let command = CommandText {
            text: &text,
            parameters: &[],
            statements: (&[]).into(),
            signals: &[],
        };
        match writer.intent(permit.clone(), command) {
            Ok(recorded) => say(&format!("{} {text}", recorded.seq())),
            Err(error) => {
                let again = writer.intent(permit, command).unwrap_err();
                assert!(matches!(again, RecordError::Poisoned { .. }), "{again}");
                return error;
            }
        }
    }
    panic!("never stopped")
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    if let Some(dir) = told() {
        let key = SigningKey::open(&dir).unwrap();
        let writer = recorder(&dir, key).create(&start::of(1)).unwrap();
        panic!("not killed: {}", write_until_stopped(writer));
    }
    let rounds = env::var("WEIR_KILLS").map_or(20, |kills| kills.parse().unwrap());
    for round in 0..rounds {
        let dir = private_dir();
        let test = "a_killed_writer_loses_nothing_that_it_acknowledged";
        let mut child = child(
            &mut Command::new(env::current_exe().unwrap()),
            test,
            dir.path(),
        );
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        let mut kill_at = None;
        // After the kill the pipe still gives what was said before it.
        while let Some(Ok(line)) = lines.next() {
            let Some((_, text)) = said(&line).and_then(|line| line.split_once(' ')) else {
                continue;
            };
            acknowledged.push(text.to_owned());
            let at = *kill_at.get_or_insert_with(|| {
                Instant::now() + Duration::from_micros(round * 1371 % 20_011)
            });
            if Instant::now() >= at {
                child.kill().unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
        // What the killed daemon had recorded and not written yet, the next one writes.
        let key = SigningKey::open(dir.path()).unwrap();
        let keys = key.public().into();
        drop(recorder(dir.path(), key));
        let (recorded, tail) = intents(&store::path_of(dir.path(), start::of(1).id));
        assert_eq!(tail, Tail::Whole);
        assert!(!acknowledged.is_empty());
        // One more may have been recorded and not yet acknowledged.
        assert!(recorded.len() <= acknowledged.len() + 1);
        assert_eq!(recorded[..acknowledged.len()], acknowledged);
        // And it closes the session.
        let all = Which::Only(vec![start::of(1).id]);
        let report = verify(dir.path(), &keys, &all).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

/// A shell that limits its files to so many blocks and lets the writer see the error, not the
/// signal.
fn limited(blocks: u32) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command
        .args(["-c", &script])
        .arg(env::current_exe().unwrap());
    command
}

#[test]
fn a_file_that_can_grow_no_more_stops_the_writer() {
    if let Some(dir) = told() {
        let writer = SessionWriter::create(&dir, &start::of(1)).unwrap();
        say(&format!("stopped {}", write_until_stopped(writer)));
        return;
    }
    let dir = private_dir();
    let test = "a_file_that_can_grow_no_more_stops_the_writer";
    let output = child(&mut limited(16), test, dir.path())
        .wait_with_output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let lines = output.lines().filter_map(said).collect::<Vec<_>>();
    let (stopped, acknowledged) = lines.split_last().unwrap();
    let path = store::path_of(dir.path(), start::of(1).id);
    let expected = format!("stopped no room left for the record {}: ", path.display());
    assert!(stopped.starts_with(&expected), "{stopped}");

    let (recorded, tail) = intents(&path);
    assert!(recorded.len() > 2);
    assert_eq!(recorded.len(), acknowledged.len());
    // The write that failed had got as far as it could: within a frame, but for a rare chance.
    let length = fs::metadata(&path).unwrap().len();
    assert!(length.is_multiple_of(512), "{length} {tail:?}");
}

#[test]
fn a_record_that_can_not_begin_leaves_nothing() {
    if let Some(dir) = told() {
        let error = SessionWriter::create(&dir, &start::of(1)).unwrap_err();
        assert!(matches!(error, RecordError::Full { .. }), "{error}");
        say("full");
        return;
    }
    let dir = private_dir();
    let test = "a_record_that_can_not_begin_leaves_nothing";
    let output = child(&mut limited(0), test, dir.path())
        .wait_with_output()
        .unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .any(|line| said(line) == Some("full"))
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
