//! The tamper suite: whatever is done to records or the head file is found, and named.

mod heads_file;
mod record;

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use age::{secrecy::ExposeSecret, x25519};

use super::*;
use crate::{
    Durability, End, Identities, Options, Recipient, Recorder, SessionReader, SessionStart, samples,
};

/// A host with three sessions, of which the second is long enough for checkpoints in between.
struct Host {
    dir: tempfile::TempDir,
    encrypted: bool,
    keys: TrustedKeys,
}

fn options(dir: &Path, key: u8, recipients: Vec<Recipient>) -> Options {
    Options {
        dir: dir.to_owned(),
        key: samples::key(key),
        durability: Durability::Batched,
        recipients,
        reserve: 0,
        keep: None,
        max_size: None,
    }
}

fn session_of(recorder: &Recorder, number: i64, notes: u32) {
    let start = SessionStart {
        id: samples::id(number),
        ..samples::start()
    };
    let mut writer = recorder.create(&start).unwrap();
    for note in 0..notes {
        writer.note(&format!("note {note} of {number}")).unwrap();
        // Each a frame of its own.
        writer.flush().unwrap();
    }
    writer.end(&End::Closed).unwrap();
}

impl Host {
    fn new(recipients: Vec<Recipient>) -> Self {
        let dir = samples::dir();
        let encrypted = !recipients.is_empty();
        let recorder = Recorder::open(options(dir.path(), 1, recipients)).unwrap();
        for (number, notes) in [(0, 3), (1, 600), (2, 5)] {
            session_of(&recorder, number, notes);
        }
        Self {
            dir,
            encrypted,
            keys: samples::key(1).public().into(),
        }
    }

    /// The same in the clear, and encrypted.
    fn both() -> [Self; 2] {
        let recipient = x25519::Identity::generate().to_public().to_string();
        let recipient = Recipient::from_str(&recipient).unwrap();
        [Self::new(vec![]), Self::new(vec![recipient])]
    }

    fn path(&self, number: i64) -> PathBuf {
        store::path_of(self.dir.path(), samples::id(number))
    }

    fn heads(&self) -> PathBuf {
        self.dir.path().join(heads::FILE)
    }

    fn report(&self) -> Report {
        let all = Which::Began {
            since: None,
            until: None,
        };
        verify(self.dir.path(), &self.keys, &all).unwrap()
    }

    /// Of the first session and the head file, whatever befell them.
    fn first(&self) -> Report {
        let first = Which::Only(vec![samples::id(0)]);
        verify(self.dir.path(), &self.keys, &first).unwrap()
    }

    /// What is wrong with a session, the only thing that is.
    fn problem(&self, number: i64) -> Problem {
        let mut report = self.report();
        assert_eq!(report.head.problems, [], "{report:?}");
        report
            .sessions
            .retain(|session| !session.problems.is_empty());
        let [session] = report.sessions.as_slice() else {
            panic!("{report:?}")
        };
        assert_eq!(session.id, samples::id(number));
        let [problem] = session.problems.as_slice() else {
            panic!("{session:?}")
        };
        problem.clone()
    }

    /// What is wrong with the head file first.
    fn head_problem(&self) -> Problem {
        let report = self.report();
        assert!(!report.is_sound());
        report.head.problems[0].clone()
    }

    /// Where the frames of a session begin, and the file's end.
    fn frames(&self, number: i64) -> Vec<usize> {
        let mut at = Vec::new();
        let seen = |sum: &Sum| at.push(usize::try_from(sum.bytes).unwrap());
        session::read(&self.path(number), None, None, seen).unwrap();
        at.dedup();
        at
    }

    /// Where the entries of the head file begin, and its end.
    fn entries(&self) -> Vec<usize> {
        let heads = fs::read(self.heads()).unwrap();
        let mut ends = vec![16];
        while let Some(length) = heads
            .get(ends[ends.len() - 1]..)
            .and_then(<[u8]>::first_chunk)
        {
            let last = ends[ends.len() - 1];
            ends.push(last + 4 + u32::from_le_bytes(*length) as usize + 16);
        }
        ends
    }

    fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
}
