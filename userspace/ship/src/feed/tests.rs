//! Encrypted records, told of.

use std::os::unix::fs::PermissionsExt as _;

use jiff::Timestamp;
use weir_policy::Refusal;
use weir_record::{
    CommandText, Durability, End, Options, Process, Recorder, SessionStart, SigningKey,
};

use super::{reading::LATEST, *};

/// Nobody here has the identity to it.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

struct Bed {
    dir: tempfile::TempDir,
    recorder: Recorder,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let recorder = Recorder::open(Options {
            dir: dir.path().join("records"),
            key: SigningKey::open(dir.path()).unwrap(),
            durability: Durability::Batched,
            recipients: vec![RECIPIENT.parse().unwrap()],
            reserve: 0,
            keep: None,
            max_size: None,
        })
        .unwrap();
        Self { dir, recorder }
    }

    fn feed(&self, now: Instant) -> Feed {
        let source = Source {
            host: Host::new("db-1"),
            records: self.dir.path().join("records"),
            audit: self.dir.path().join("audit.jsonl"),
        };
        let cursor = self.dir.path().join("cursor");
        let cursor = Cursor::open(&cursor, &HashSet::new()).unwrap();
        Feed::new(source, &cursor, now)
    }

    fn begin(&self) -> weir_record::SessionWriter {
        let started = Timestamp::now();
        let start = SessionStart {
            id: SessionId::new(started, 7),
            started,
            workload: "ci".to_owned(),
            subject: "workload:ci-bot".to_owned(),
            groups: Vec::new(),
            on_behalf_of: None,
            process: Process::default(),
            destination: "192.0.2.7:5432".to_owned(),
            destination_name: None,
            target: Some("orders".to_owned()),
            protocol: Some("postgres".to_owned()),
            policy_version: "0123456789abcdef".to_owned(),
            observed: false,
        };
        self.recorder.create(&start).unwrap()
    }
}

fn refuse(writer: &mut weir_record::SessionWriter) {
    let refusal = Refusal {
        rule: "no-destroy".to_owned(),
        message: "databases are not dropped by agents".to_owned(),
        deciding: vec!["no-destroy".to_owned()],
        version: serde_json::from_str(r#""0123456789abcdef""#).unwrap(),
    };
    let command = CommandText {
        text: "drop database tellnobody",
        parameters: &[],
        signals: &[],
        statements: (&[]).into(),
    };
    writer.refused(&refusal, command).unwrap();
}

/// All that there is by `now`.
fn all(feed: &mut Feed, now: Instant) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let batch = feed.batch(now).unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch);
    }
}

#[test]
fn an_encrypted_session_is_told_of_without_what_was_said() {
    let bed = Bed::new();
    let mut now = Instant::now();
    let mut feed = bed.feed(now);
    let mut writer = bed.begin();
    refuse(&mut writer);
    // A live one is known by its start.
    assert_eq!(all(&mut feed, now).len(), 1);
    for _ in 0..400 {
        refuse(&mut writer);
    }
    writer.end(&End::Closed).unwrap();
    now += LATEST;
    let events = all(&mut feed, now);
    assert_eq!(events.len(), 402);
    for event in &events {
        assert!(!event.json.contains("tellnobody"), "{}", event.json);
        let json: Value = serde_json::from_str(&event.json).unwrap();
        assert_eq!(json["unmapped"]["encrypted"], true);
    }
    let json: Value = serde_json::from_str(&events[0].json).unwrap();
    assert_eq!(json["query_info"]["query_string"], "(encrypted)");
    assert_eq!(json["policy"]["name"], "no-destroy");
    // Each has a name of its own.
    let uids: HashSet<_> = events.iter().map(|event| &event.uid).collect();
    assert_eq!(uids.len(), 402);
    assert!(matches!(events[401].mark, Mark::Done(_)));
}
