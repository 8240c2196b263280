//! Records to tell of, and looking at what arrived.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::Value;
use weir_policy::Refusal;
use weir_record::{
    CommandText, End, Entry, Process, SessionId, SessionReader, SessionStart, SessionWriter, store,
};
use weir_ship::{Shipped, Shipper, Shipping, SinkKind, SinkOptions, Source, ocsf};

/// Longer than anything here takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// A host with records.
pub(crate) struct Stand {
    dir: tempfile::TempDir,
    next: u32,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let private = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new()
            .permissions(private.clone())
            .tempdir()
            .unwrap();
        fs::create_dir(dir.path().join("records")).unwrap();
        fs::set_permissions(dir.path().join("records"), private).unwrap();
        Self { dir, next: 0 }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn source(&self) -> Source {
        source_in(self.dir.path())
    }

    pub(crate) fn begin(&mut self) -> SessionWriter {
        let started = Timestamp::now();
        let start = SessionStart {
            id: SessionId::new(started, self.next),
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
        self.next += 1;
        SessionWriter::create(&self.path("records"), &start).unwrap()
    }

    /// A finished session of so many commands.
    pub(crate) fn session(&mut self, commands: usize) -> SessionId {
        let mut writer = self.begin();
        let id = *writer.id();
        command(&mut writer, commands);
        writer.end(&End::Closed).unwrap();
        id
    }

    pub(crate) fn audit(&self, line: &str) {
        let mut log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path("audit.jsonl"))
            .unwrap();
        writeln!(log, "{line}").unwrap();
    }

    pub(crate) fn shipping(&self, kind: SinkKind) -> Shipping {
        Shipping {
            source: self.source(),
            state: self.path("ship"),
            sinks: vec![SinkOptions {
                name: "siem".to_owned(),
                kind,
            }],
            s3: None,
            shipped: Shipped::default(),
        }
    }

    pub(crate) fn record(&self, id: SessionId) -> PathBuf {
        store::path_of(&self.path("records"), id)
    }

    /// The uids of all that is to arrive: of each session, in order, and of the audit log.
    pub(crate) fn expected(&self) -> Vec<Vec<String>> {
        let mut expected = Vec::new();
        for id in fs::read_dir(self.path("records")).unwrap() {
            let mut session = ocsf::SessionEvents::new(self.source().host);
            let mut reader = SessionReader::open(&id.unwrap().path()).unwrap();
            let mut uids = Vec::new();
            while let Some(entry) = reader.next() {
                if let Entry::Event(event) = entry.unwrap()
                    && let Some(told) = session.event(reader.at(), &event)
                {
                    uids.push(uid(&told));
                }
            }
            expected.push(uids);
        }
        let log = fs::read_to_string(self.path("audit.jsonl")).unwrap_or_default();
        let mut offset = 0;
        let mut uids = Vec::new();
        for line in log.split_inclusive('\n') {
            uids.push(uid(&ocsf::audit(
                &self.source().host,
                offset,
                line.trim_end().as_bytes(),
            )));
            offset += line.len() as u64;
        }
        expected.push(uids);
        expected
    }

    /// Waits until all has arrived, then holds that each session's came in order.
    pub(crate) fn all_arrive(&self, arrived: impl Fn() -> Vec<Value>) {
        let expected = self.expected();
        until("every event arrives", || {
            let got: HashSet<String> = arrived().iter().map(uid).collect();
            expected.iter().flatten().all(|uid| got.contains(uid))
        });
        in_order(&expected, &arrived());
    }
}

pub(crate) fn source_in(dir: &Path) -> Source {
    Source {
        host: ocsf::Host::new("db-1"),
        records: dir.join("records"),
        audit: dir.join("audit.jsonl"),
    }
}

pub(crate) fn command(writer: &mut SessionWriter, number: usize) {
    let refusal = Refusal {
        rule: "no-destroy".to_owned(),
        message: "databases are not dropped by agents".to_owned(),
        deciding: vec!["no-destroy".to_owned()],
        version: serde_json::from_str(r#""0123456789abcdef""#).unwrap(),
    };
    for number in 0..number {
        let text = format!("drop database shop_{number}");
        let text = CommandText {
            text: &text,
            parameters: &[],
            signals: &[],
            statements: (&[]).into(),
        };
        writer.refused(&refusal, text).unwrap();
    }
}

pub(crate) fn uid(event: &Value) -> String {
    event["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// What comes a second time comes after the first.
pub(crate) fn in_order(expected: &[Vec<String>], arrived: &[Value]) {
    let mut first = BTreeMap::new();
    for (place, event) in arrived.iter().enumerate() {
        first.entry(uid(event)).or_insert(place);
    }
    for session in expected {
        let places: Vec<_> = session.iter().map(|uid| first[uid]).collect();
        assert!(places.is_sorted(), "{session:?} at {places:?}");
    }
}

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn error_of(shipper: &Shipper) -> Option<String> {
    shipper.status().first().unwrap().error.clone()
}
