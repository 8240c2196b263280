//! Seeded mutations of whole directories of records: whatever the bytes are, reading and verifying
//! them ends, without a panic, and nothing that was changed passes for sound.
//!
//! `WEIR_MUTATIONS=100000` makes it long. A seed that ever found something is kept in `KEPT`.

#![expect(clippy::unwrap_used, reason = "how a test fails, also in its helpers")]

mod start;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use weir_policy::Refusal;
use weir_record::{
    CommandText, Durability, End, Options, Recorder, SessionReader, SigningKey, TrustedKeys, list,
    verify::{Which, verify},
};

/// Seeds that found something once: a raised length in the head file's last entry, which looks like
/// one that was cut off.
const KEPT: [u64; 1] = [1334];

fn refusal() -> Refusal {
    Refusal {
        rule: "no-destroy".to_owned(),
        message: "no".to_owned(),
        deciding: vec![],
        version: serde_json::from_str(r#""0123456789abcdef""#).unwrap(),
    }
}

/// Two sessions of a host.
fn host(dir: &Path) -> TrustedKeys {
    let key = SigningKey::open(dir).unwrap();
    let keys = key.public().into();
    let recorder = Recorder::open(Options {
        dir: dir.to_owned(),
        key,
        durability: Durability::Batched,
        recipients: vec![],
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap();
    for number in 0..2 {
        let mut writer = recorder.create(&start::of(number)).unwrap();
        for text in ["drop table a", "select 1", "drop table b"] {
            let command = CommandText {
                text,
                parameters: &[],
                signals: &[],
                statements: (&[]).into(),
            };
            let seq = writer.refused(&refusal(), command).unwrap();
            writer.response(seq, &[7; 300]).unwrap();
        }
        writer.end(&End::Closed).unwrap();
    }
    keys
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below.max(1) as u64).unwrap()
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.next(3) {
        let length = bytes.len().max(1);
        let (at, more) = (random.next(length), random.next(64));
        let to = (at + more).min(bytes.len());
        match random.next(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at.min(to)..to)),
            2 => {
                let part = bytes.get(at..to).unwrap_or_default().to_vec();
                bytes.splice(at..at, part);
            }
            3 => bytes.extend(vec![0xff; more]),
            4 => {
                if let Some(part) = bytes.get_mut(at..to) {
                    part.reverse();
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.next(8);
                }
            }
        }
    }
}

#[test]
fn whatever_the_bytes_are_nothing_panics_and_nothing_changed_is_sound() {
    let dir = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let keys = host(dir.path());
    let files: Vec<PathBuf> = (0..2)
        .map(|number| weir_record::store::path_of(dir.path(), start::of(number).id))
        .chain([dir.path().join("heads")])
        .collect();
    let all = Which::Began {
        since: None,
        until: None,
    };
    assert!(verify(dir.path(), &keys, &all).unwrap().is_sound());
    let runs = env::var("WEIR_MUTATIONS").map_or(2000, |runs| runs.parse().unwrap());
    for seed in KEPT.into_iter().chain(1..=runs) {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let file = &files[random.next(files.len())];
        let whole = fs::read(file).unwrap();
        let mut bytes = whole.clone();
        mutate(&mut bytes, &mut random);
        fs::write(file, &bytes).unwrap();
        for listed in list(dir.path()).unwrap().into_iter().flatten() {
            assert_eq!(listed.start.subject, "unix:alice", "seed {seed}");
        }
        if let Ok(reader) = SessionReader::open(file) {
            reader.for_each(drop);
        }
        let report = verify(dir.path(), &keys, &all).unwrap();
        // What is torn off the head file's end is told as such.
        let told = !report.is_sound() || report.head.torn > 0;
        assert!(
            told || bytes == whole,
            "seed {seed} changed {}",
            file.display()
        );
        fs::write(file, &whole).unwrap();
        // As if nobody had touched it: what was written just now is given a moment.
        let file = fs::File::options().append(true).open(file).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
}
