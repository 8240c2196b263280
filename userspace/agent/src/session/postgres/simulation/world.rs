//! One session and its two ends, moved on a step at a time.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use bytes::{Buf, BytesMut};
use jiff::Timestamp;
use weir_policy::{Mode, Policies, Source, Subject, Target};
use weir_record::{
    End, Entry, Event, Process, Recorder, SessionId, SessionReader, SessionStart, SessionWriter,
    Status,
};
use weir_wire::postgres::{
    Decoded, Frame, Limits, backend::TransactionStatus, decode_frame, frontend,
};

use super::{
    chance::Chance,
    client::{self, Step},
    liar,
    server::Server,
};
use crate::{
    mask::{key::MaskKey, plan::Unknown},
    session::{
        judge::Judge,
        postgres::{
            answer::Told,
            catalogues::Known,
            governed::{Governed, SessionError},
            replication::Replication,
            request::Heard,
        },
    },
    signals::Signals,
    upstream::postgres::Sink,
};

const LIMITS: Limits = Limits {
    startup: 10_000,
    message: 64 * 1024,
};

/// Most bytes that one message of a peer may make weir hold for the other.
const MOST_HELD: usize = 256 * 1024;

/// What all sessions of a test share.
pub(super) struct Stage {
    dir: tempfile::TempDir,
    policies: Arc<Policies>,
    key: Arc<MaskKey>,
    /// Records without a host where there is none.
    pub(super) recorder: Option<Recorder>,
}

impl Stage {
    /// Where all is permitted and nothing sensitive.
    pub(super) fn new() -> Self {
        let source = |name: &str, text: &str| Source {
            name: name.to_owned(),
            text: text.into(),
        };
        Self::of(&[
            source(
                "all.cedar",
                "@id(\"all\") permit (principal, action, resource);",
            ),
            source(
                "masking.toml",
                "[class.none]\nmethod = \"null\"\n[[column]]\nclass = \"none\"\ncolumn = \"no such column\"\n",
            ),
        ])
    }

    pub(super) fn records(&self) -> PathBuf {
        self.dir.path().join("records")
    }

    pub(super) fn of(sources: &[Source]) -> Self {
        let policies = Policies::load(sources);
        let dir = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let key = MaskKey::open(&dir.path().join("mask.key")).unwrap();
        Self {
            dir,
            policies: Arc::new(policies.unwrap()),
            key: Arc::new(key),
            recorder: None,
        }
    }

    pub(super) fn session(&self) -> Governed {
        let now = Timestamp::now();
        let subject = Subject {
            id: "unix:tester".to_owned(),
            groups: Vec::new(),
            on_behalf_of: None,
        };
        let start = SessionStart {
            id: SessionId::new(now, number()),
            started: now,
            workload: "test".to_owned(),
            subject: subject.id.clone(),
            groups: Vec::new(),
            on_behalf_of: None,
            process: Process::default(),
            destination: "192.0.2.1:5432".to_owned(),
            destination_name: None,
            target: Some("db".to_owned()),
            protocol: Some("postgres".to_owned()),
            policy_version: "test".to_owned(),
            observed: false,
        };
        let target = Target {
            name: "db".to_owned(),
            protocol: "postgres".to_owned(),
            database: "shop".to_owned(),
        };
        let judge = Judge::new(
            Arc::clone(&self.policies),
            subject,
            target,
            "test".to_owned(),
            Mode::Enforce,
            Arc::new(Signals::unkept()),
        );
        let mut session = Governed::new(
            judge,
            (Known::default(), None),
            Arc::clone(&self.key),
            match &self.recorder {
                Some(recorder) => recorder.create(&start).unwrap(),
                None => SessionWriter::create(self.dir.path(), &start).unwrap(),
            },
            Sink::simulated(),
            TransactionStatus::Idle,
        );
        // SQL goes on in such a session, and its streams both ways do too.
        session.replication = Some(Replication::Logical);
        session
    }
}

/// Two sessions that begin at once have two names.
fn number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Whose messages are tampered with on their way to weir.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    Nobody,
    Server,
}

/// What a client hears without weir.
pub(super) struct Beside {
    pub(super) heard: Vec<u8>,
    pub(super) server: Server,
}

pub(super) struct World {
    session: Governed,
    /// What the client still has to say.
    says: Vec<u8>,
    /// What has reached weir of that and isn't read.
    received: BytesMut,
    waiting: Option<frontend::Message>,
    pub(super) server: Server,
    /// How many of the server's messages have left it.
    left: usize,
    answers: BytesMut,
    /// What has reached the client.
    pub(super) heard: Vec<u8>,
}

impl World {
    pub(super) fn new(stage: &Stage, steps: &[Step]) -> Self {
        let says = client::frames(steps);
        Self {
            session: stage.session(),
            says: says.iter().flat_map(|frame| frame.raw().to_vec()).collect(),
            received: BytesMut::new(),
            waiting: None,
            server: Server::new(),
            left: 0,
            answers: BytesMut::new(),
            heard: Vec::new(),
        }
    }

    pub(super) fn beside(steps: &[Step]) -> Beside {
        let mut server = Server::new();
        for frame in client::frames(steps) {
            server.hears(frame.raw());
        }
        let heard = server.said.iter().flat_map(|frame| frame.raw().to_vec());
        Beside {
            heard: heard.collect(),
            server,
        }
    }

    pub(super) fn lies_as_client(&mut self, chance: &mut Chance) -> &'static str {
        let mut rest = BytesMut::from(&self.says[..]);
        let mut frames = Vec::new();
        while let Ok(Decoded::Complete(frame)) = decode_frame(&mut rest, &Limits::default()) {
            frames.push(frame.raw().to_vec());
        }
        let what = liar::lies(chance, &mut frames);
        self.says = frames.concat();
        what
    }

    /// Goes on until nobody has anything more to say, or the session ends.
    pub(super) fn runs(&mut self, chance: &mut Chance, lies: Lies) -> Result<(), SessionError> {
        let mut idle = 0;
        while idle < 400 {
            let moved = match chance.below(5) {
                0 => self.client_says(chance),
                1 => self.weir_hears()?,
                2 => self.server_hears(chance)?,
                3 => self.server_says(chance, lies),
                _ => self.weir_answers(chance)?,
            };
            idle = if moved { 0 } else { idle + 1 };
            self.is_bounded();
        }
        Ok(())
    }

    fn client_says(&mut self, chance: &mut Chance) -> bool {
        if self.says.is_empty() {
            return false;
        }
        let most = [3, 60, 2000][chance.below(3)];
        let size = (1 + chance.below(most)).min(self.says.len());
        self.received.extend_from_slice(&self.says[..size]);
        self.says.drain(..size);
        true
    }

    /// As `drive` does, one message at a time.
    fn weir_hears(&mut self) -> Result<bool, SessionError> {
        let message = match self.waiting.take() {
            Some(message) => message,
            None => {
                let client = |error: weir_wire::WireError| SessionError::client(error.to_string());
                match decode_frame(&mut self.received, &LIMITS).map_err(client)? {
                    Decoded::Complete(frame) => frontend::decode(frame).map_err(client)?,
                    Decoded::Incomplete { .. } => return Ok(false),
                }
            }
        };
        match self.session.on_request(message)? {
            Heard::Done | Heard::Closed => Ok(true),
            Heard::Stale(message) => {
                self.session.catalogue_asked();
                self.waiting = Some(message);
                Ok(true)
            }
            Heard::Wait(message) => {
                self.waiting = Some(message);
                Ok(false)
            }
            Heard::Ahead(_) | Heard::Ask(..) | Heard::Estimate(..) => {
                panic!("nobody is asked here")
            }
        }
    }

    fn server_hears(&mut self, chance: &mut Chance) -> Result<bool, SessionError> {
        while self.session.sink.settle()?.is_some() {
            std::thread::yield_now();
        }
        let pending = self.session.sink.pending();
        if pending.is_empty() {
            return Ok(false);
        }
        let size = (1 + chance.below(200)).min(pending.len());
        self.server.hears(&pending[..size]);
        self.session.sink.written(size);
        Ok(true)
    }

    fn server_says(&mut self, chance: &mut Chance, lies: Lies) -> bool {
        let Some(frame) = self.server.said.get(self.left) else {
            return false;
        };
        self.left += 1;
        let mut frames = vec![frame.raw().to_vec()];
        if lies == Lies::Server && chance.one_in(12) {
            liar::lies(chance, &mut frames);
        }
        self.answers.extend_from_slice(&frames.concat());
        true
    }

    fn weir_answers(&mut self, chance: &mut Chance) -> Result<bool, SessionError> {
        // Not all that is here has been read: what comes in pieces comes later.
        let cut = if chance.one_in(2) {
            self.answers.len()
        } else {
            chance.below(self.answers.len() + 1)
        };
        let mut here = BytesMut::from(&self.answers[..cut]);
        // As `drive` does: rows in a run, whatever else by itself.
        let rows = self.session.rows(&here, &LIMITS)?;
        if rows > 0 {
            self.answers.advance(rows);
        } else {
            let frame = match decode_frame(&mut here, &LIMITS) {
                Ok(Decoded::Complete(frame)) => frame,
                Ok(Decoded::Incomplete { .. }) => return Ok(false),
                Err(error) => return Err(SessionError::server(error.to_string())),
            };
            self.answers.advance(frame.raw().len());
            self.takes(frame)?;
        }
        self.session.shown.settle(&mut self.session.record)?;
        let shown = self.session.shown.pending();
        self.heard.extend_from_slice(shown);
        let count = shown.len();
        self.session.shown.written(count);
        Ok(true)
    }

    fn takes(&mut self, frame: Frame) -> Result<(), SessionError> {
        if let Told::Stale(frame) = self.session.on_answer(frame, Unknown::Refresh)? {
            self.session.on_answer(frame, Unknown::Mask)?;
        }
        Ok(())
    }

    fn is_bounded(&self) {
        let held = self.session.sink.len() + self.session.shown.len();
        assert!(held <= MOST_HELD, "{held} bytes are held");
    }

    /// Whether weir and its server are where that server is which heard the same without weir.
    pub(super) fn agrees_with(&self, beside: &Server) -> Result<(), String> {
        let (session, server) = (&self.session, &self.server);
        if server.fatal.is_some() {
            return Err(format!("the server ended it: {:?}", server.fatal));
        }
        if server.place() != beside.place() {
            return Err(format!("{:?} is not {:?}", server.place(), beside.place()));
        }
        let (status, busy) = server.place();
        if busy || !session.pipeline.is_empty() || session.copy_in.is_some() || session.copies_out {
            return Err(format!(
                "something is still under way: {:?}",
                session.pipeline
            ));
        }
        if session.transaction != status {
            return Err(format!("{:?} is not {status:?}", session.transaction));
        }
        for name in server.statements() {
            if !matches!(session.statements.get(name, session.segment), Ok(Some(_))) {
                return Err(format!("weir doesn't know the statement {name:?}"));
            }
        }
        if !server.statements().eq(beside.statements()) {
            return Err("other statements than beside weir".to_owned());
        }
        Ok(())
    }

    /// Ends the session and reads its record: outcomes are of its commands, and are given back with how
    /// many commands have none.
    pub(super) fn finishes(self) -> (Vec<Status>, usize) {
        let (record, settled) = self.session.finish();
        settled.unwrap();
        let path = record.path().to_owned();
        record.end(&End::Closed).unwrap();
        let (mut intents, mut outcomes) = (Vec::new(), Vec::new());
        for entry in SessionReader::open(&path).unwrap() {
            match entry.unwrap() {
                Entry::Event(Event::Intent(intent)) => intents.push(intent.seq),
                Entry::Event(Event::Outcome { seq, outcome }) => {
                    outcomes.push((seq, outcome.status));
                }
                _ => {}
            }
        }
        // A portal that is executed by pieces has several.
        let mut ended: BTreeSet<_> = outcomes.iter().map(|(seq, _)| *seq).collect();
        let known = intents.len();
        intents.retain(|seq| !ended.remove(seq));
        assert!(
            ended.is_empty(),
            "outcomes of no command: {ended:?} of {known}"
        );
        std::fs::remove_file(path).unwrap();
        let outcomes = outcomes.into_iter().map(|(_, status)| status);
        (outcomes.collect(), intents.len())
    }
}
