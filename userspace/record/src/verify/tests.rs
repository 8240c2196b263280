//! The tamper suite: whatever is done to records or the head file is found, and named.

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

fn session(recorder: &Recorder, number: i64, notes: u32) {
    let start = SessionStart {
        id: samples::id(number),
        ..samples::start()
    };
    let mut writer = recorder.create(&start).unwrap();
    for note in 0..notes {
        writer.note(&format!("note {note} of {number}")).unwrap();
    }
    writer.end(&End::Closed).unwrap();
}

impl Host {
    fn new(recipients: Vec<Recipient>) -> Self {
        let dir = samples::dir();
        let recorder = Recorder::open(options(dir.path(), 1, recipients)).unwrap();
        for (number, notes) in [(0, 3), (1, 600), (2, 5)] {
            session(&recorder, number, notes);
        }
        Self {
            dir,
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

    fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn what_was_not_touched_is_sound() {
    for host in Host::both() {
        let report = host.report();
        assert!(report.is_sound(), "{report:?}");
        let states: Vec<_> = report.sessions.iter().map(|one| one.state).collect();
        assert_eq!(states, [State::Ended; 3]);
        // A note a frame, start, end, and checkpoints.
        let frames: Vec<_> = report.sessions.iter().map(|one| one.frames).collect();
        assert_eq!(frames, [6, 605, 8]);
        assert!(report.sessions.iter().all(|one| one.signed == one.frames));
        assert_eq!(report.head.entries, 7);
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    for host in Host::both() {
        let path = host.path(0);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            host.change(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            let report = host.first();
            assert!(!report.is_sound(), "byte {at}");
            fs::write(&path, &whole).unwrap();
        }
        let frames = host.frames(1);
        for frame in [0, 1, 100, 300, 550] {
            let path = host.path(1);
            let whole = fs::read(&path).unwrap();
            host.change(&path, |bytes| bytes[frames[frame] + 6] ^= 4);
            let expected = Problem::Changed {
                frame: frame as u64,
                byte: frames[frame] as u64,
            };
            assert_eq!(host.problem(1), expected);
            fs::write(&path, whole).unwrap();
        }
    }
}

#[test]
fn a_cut_frame_is_found_and_counted() {
    for host in Host::both() {
        let frames = host.frames(1);
        for (from, count) in [(100, 1), (300, 7), (601, 1)] {
            let path = host.path(1);
            let whole = fs::read(&path).unwrap();
            host.change(&path, |bytes| {
                bytes.drain(frames[from]..frames[from + count]);
            });
            let expected = Problem::Cut {
                frame: from as u64,
                byte: frames[from] as u64,
                count: count as u64,
            };
            assert_eq!(host.problem(1), expected);
            fs::write(&path, whole).unwrap();
        }
    }
}

#[test]
fn swapped_and_doubled_frames_are_told_apart() {
    for host in Host::both() {
        let at = host.frames(1);
        let path = host.path(1);
        let whole = fs::read(&path).unwrap();
        host.change(&path, |bytes| {
            bytes[at[40]..at[42]].rotate_left(at[41] - at[40]);
        });
        let found = (at[40] + at[42] - at[41]) as u64;
        let (frame, byte) = (40, at[40] as u64);
        assert_eq!(host.problem(1), Problem::Swapped { frame, byte, found });

        fs::write(&path, &whole).unwrap();
        host.change(&path, |bytes| {
            let doubled = bytes[at[40]..at[41]].to_vec();
            bytes.splice(at[41]..at[41], doubled);
        });
        let expected = Problem::Added {
            frame: 41,
            byte: at[41] as u64,
            until: (2 * at[41] - at[40]) as u64,
            count: 1,
        };
        assert_eq!(host.problem(1), expected);
    }
}

#[test]
fn a_dropped_session_is_missed() {
    for host in Host::both() {
        fs::remove_file(host.path(1)).unwrap();
        assert_eq!(host.problem(1), Problem::Gone);
    }
}

#[test]
fn an_old_copy_and_a_truncated_file_are_no_whole_ones() {
    for host in Host::both() {
        let at = host.frames(1);
        // At a checkpoint, where what is left is signed; between frames; and within one.
        for cut in [at[257], at[100], at[100] + 3, at[604], 0, 30] {
            let path = host.path(1);
            let whole = fs::read(&path).unwrap();
            host.change(&path, |bytes| bytes.truncate(cut));
            let problem = host.problem(1);
            assert!(
                matches!(problem, Problem::Truncated { stated: 605, .. }),
                "{cut}: {problem:?}"
            );
            fs::write(&path, whole).unwrap();
        }
    }
}

#[test]
fn a_record_in_anothers_place_is_told() {
    for host in Host::both() {
        fs::copy(host.path(0), host.path(1)).unwrap();
        let is = samples::id(0).to_string();
        assert_eq!(host.problem(1), Problem::OtherSession { is });
    }
}

#[test]
fn what_is_put_behind_the_end_is_told() {
    for host in Host::both() {
        let bytes = fs::metadata(host.path(0)).unwrap().len();
        host.change(&host.path(0), |record| record.extend([9, 0, 0, 0, 5, 1]));
        let expected = Problem::Extended {
            bytes: bytes + 6,
            stated: bytes,
        };
        assert_eq!(host.problem(0), expected);
    }
}

#[test]
fn a_record_written_anew_is_not_the_one_that_was() {
    let host = Host::new(vec![]);
    // Without a key: nobody vouches for it.
    fs::remove_file(host.path(0)).unwrap();
    samples::record(host.dir.path(), &samples::start());
    let report = host.report();
    assert!(report.sessions[0].problems.contains(&Problem::Unsigned));

    // With a key that is not the host's, in a head file of its own.
    let elsewhere = samples::dir();
    let forger = Recorder::open(options(elsewhere.path(), 2, vec![])).unwrap();
    session(&forger, 0, 3);
    drop(forger);
    fs::copy(
        store::path_of(elsewhere.path(), samples::id(0)),
        host.path(0),
    )
    .unwrap();
    let key = samples::key(2).public().id().to_string();
    let report = host.report();
    let [Problem::ForeignKey { key: found, .. }] = report.sessions[0].problems.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(*found, key);

    // And the other file's head with it.
    fs::copy(elsewhere.path().join(heads::FILE), host.heads()).unwrap();
    assert_eq!(
        host.head_problem(),
        Problem::HeadForeignKey { entry: 0, key }
    );
}

#[test]
fn the_head_file_keeps_nothing_quiet() {
    let host = Host::new(vec![]);
    let whole = fs::read(host.heads()).unwrap();
    for at in 0..whole.len() {
        host.change(&host.heads(), |bytes| bytes[at] ^= 1 << (at % 8));
        let report = host.first();
        // Only a longer last entry can look like one that was cut off.
        assert!(!report.is_sound() || report.head.torn > 0, "byte {at}");
        fs::write(host.heads(), &whole).unwrap();
    }
    // Every entry is as long as the next of its kind, so cutting there leaves whole ones.
    let mut ends = vec![16];
    while let Some(length) = whole
        .get(ends[ends.len() - 1]..)
        .and_then(<[u8]>::first_chunk)
    {
        let last = ends[ends.len() - 1];
        ends.push(last + 4 + u32::from_le_bytes(*length) as usize + 16);
    }
    assert_eq!(ends.len(), 8);
    // An older copy: the session that began after it tells.
    fs::write(host.heads(), &whole[..ends[4]]).unwrap();
    let session = samples::id(2).to_string();
    let expected = Problem::HeadTruncated {
        entries: 4,
        stated: 6,
        session,
    };
    assert!(
        host.report().head.problems.contains(&expected) || {
            // The session whose end is missing began under it; the later one is named.
            matches!(host.head_problem(), Problem::HeadTruncated { .. })
        }
    );
    // An entry cut out from between.
    let cut = [&whole[..ends[2]], &whole[ends[3]..]].concat();
    fs::write(host.heads(), cut).unwrap();
    let byte = ends[2] as u64;
    assert_eq!(host.head_problem(), Problem::HeadChanged { entry: 2, byte });
    fs::remove_file(host.heads()).unwrap();
    assert_eq!(host.head_problem(), Problem::NoHeadFile);
}

#[test]
fn a_daemon_does_not_go_on_behind_a_changed_head_file() {
    let host = Host::new(vec![]);
    host.change(&host.heads(), |bytes| bytes[100] ^= 1);
    let error = Recorder::open(options(host.dir.path(), 1, vec![])).unwrap_err();
    assert!(
        error.to_string().contains("damaged or was changed"),
        "{error}"
    );
}

#[test]
fn what_was_stopped_is_closed_by_the_next_daemon_and_torn_tails_are_taken_away() {
    let host = Host::new(vec![]);
    // As a killed daemon leaves it: a start without an end, half an entry, and half a frame.
    let recorder = Recorder::open(options(host.dir.path(), 1, vec![])).unwrap();
    let start = SessionStart {
        id: samples::id(9),
        ..samples::start()
    };
    let mut writer = recorder.create(&start).unwrap();
    writer.note("before").unwrap();
    let (record, heads) = (
        fs::read(host.path(9)).unwrap(),
        fs::read(host.heads()).unwrap(),
    );
    drop((writer, recorder));
    fs::write(host.path(9), [&record[..], &[40, 0, 0, 0, 5]].concat()).unwrap();
    fs::write(host.heads(), [&heads[..], &[200, 0, 0, 0, 1, 2]].concat()).unwrap();
    let open = host.report();
    assert_eq!((open.head.torn, open.sessions[3].torn), (6, 5));
    assert_eq!(open.sessions[3].state, State::Open);
    assert!(open.is_sound(), "{open:?}");

    drop(Recorder::open(options(host.dir.path(), 1, vec![])).unwrap());
    let closed = host.report();
    assert!(closed.is_sound(), "{closed:?}");
    assert_eq!(closed.sessions[3].state, State::Stopped);
    assert_eq!((closed.head.torn, closed.sessions[3].torn), (0, 5));
    // From here on it can't be made shorter unseen.
    host.change(&host.path(9), |bytes| bytes.truncate(record.len() - 1));
    assert!(matches!(host.problem(9), Problem::Truncated { .. }));
}

#[test]
fn records_of_another_key_are_verified_by_that_one() {
    let mut host = Host::new(vec![]);
    let recorder = Recorder::open(options(host.dir.path(), 2, vec![])).unwrap();
    session(&recorder, 3, 2);
    drop(recorder);
    assert!(matches!(
        host.head_problem(),
        Problem::HeadForeignKey { .. }
    ));
    let both = format!("{}\n{}", samples::key(1).public(), samples::key(2).public());
    host.keys = both.parse().unwrap();
    assert!(host.report().is_sound());
}

#[test]
fn an_encrypted_record_is_read_by_its_recipients_alone() {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string().parse().unwrap();
    let host = Host::new(vec![recipient]);
    let bytes = fs::read(host.path(1)).unwrap();
    assert!(!bytes.windows(4).any(|part| part == b"note"));
    let identities: Identities = identity.to_string().expose_secret().parse().unwrap();
    let read = SessionReader::open_with(&host.path(1), Some(&identities)).unwrap();
    let entries: Vec<_> = read.map(Result::unwrap).collect();
    assert_eq!(entries.len(), 602);
    for other in [None, Some(x25519::Identity::generate())] {
        let other = other.map(|one| one.to_string().expose_secret().parse().unwrap());
        let refused = SessionReader::open_with(&host.path(1), other.as_ref());
        assert!(matches!(refused, Err(ReadError::Encrypted { .. })));
    }
}
