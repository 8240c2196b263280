//! What is done to records.

use super::*;

#[test]
fn what_was_not_touched_is_sound() {
    for host in Host::both() {
        let report = host.report();
        assert!(report.is_sound(), "{report:?}");
        let states: Vec<_> = report.sessions.iter().map(|one| one.state).collect();
        assert_eq!(states, [State::Ended; 3]);
        // A note a frame, start, end, and checkpoints; outlines at the start and before each of these.
        let frames: Vec<_> = report.sessions.iter().map(|one| one.frames).collect();
        let outlines = if host.encrypted { [2, 4, 2] } else { [0; 3] };
        let expected: Vec<_> = [6, 605, 8]
            .iter()
            .zip(outlines)
            .map(|(a, b)| a + b)
            .collect();
        assert_eq!(frames, expected);
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
        let whole_record = at.len() as u64 - 1;
        // At a checkpoint, where what is left is signed; between frames; and within one.
        for cut in [at[257], at[100], at[100] + 3, at[604], 0, 30] {
            let path = host.path(1);
            let whole = fs::read(&path).unwrap();
            host.change(&path, |bytes| bytes.truncate(cut));
            let problem = host.problem(1);
            assert!(
                matches!(problem, Problem::Truncated { stated, .. } if stated == whole_record),
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
        host.change(&host.path(0), |record| record.extend([9, 0, 0, 0, 8, 1]));
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
    session_of(&forger, 0, 3);
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
fn records_of_another_key_are_verified_by_that_one() {
    let mut host = Host::new(vec![]);
    let recorder = Recorder::open(options(host.dir.path(), 2, vec![])).unwrap();
    session_of(&recorder, 3, 2);
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

#[test]
fn records_of_the_version_before_are_verified() {
    let dir = samples::dir();
    let earlier = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/earlier/version-3");
    for file in fs::read_dir(earlier).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    let host = Host {
        dir,
        encrypted: false,
        keys: samples::key(1).public().into(),
    };
    let report = host.report();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.sessions[0].signed, 264);
    let entries = SessionReader::open(&host.path(0)).unwrap();
    assert_eq!(entries.map(Result::unwrap).count(), 262);
    // And go on being told of.
    let recorder = Recorder::open(options(host.dir.path(), 1, vec![])).unwrap();
    session_of(&recorder, 5, 300);
    drop(recorder);
    assert!(host.report().is_sound());
    host.change(&host.path(0), |bytes| bytes[6000] ^= 1);
    assert!(matches!(host.problem(0), Problem::Changed { .. }));
}
