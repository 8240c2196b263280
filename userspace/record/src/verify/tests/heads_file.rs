//! What is done to the head file.

use super::*;

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
    // An entry cut out from between.
    let ends = host.entries();
    assert_eq!(ends.len(), 8);
    let cut = [&whole[..ends[2]], &whole[ends[3]..]].concat();
    fs::write(host.heads(), cut).unwrap();
    let byte = ends[2] as u64;
    assert_eq!(host.head_problem(), Problem::HeadChanged { entry: 2, byte });
    fs::remove_file(host.heads()).unwrap();
    assert_eq!(host.head_problem(), Problem::NoHeadFile);
}

#[test]
fn an_older_copy_of_the_head_file_is_told_by_the_sessions_since() {
    for host in Host::both() {
        let (whole, ends) = (fs::read(host.heads()).unwrap(), host.entries());
        // The key, then a start and an end for each of three sessions, which tell what there was as
        // they were written.
        for (kept, session, stated) in [
            (0, 0, 2),
            (1, 0, 2),
            (2, 1, 4),
            (3, 1, 4),
            (4, 2, 6),
            (5, 2, 6),
        ] {
            fs::write(host.heads(), &whole[..ends[kept]]).unwrap();
            let expected = Problem::HeadTruncated {
                entries: kept as u64,
                stated,
                session: samples::id(session).to_string(),
            };
            assert_eq!(host.head_problem(), expected);
        }
    }
}

#[test]
fn an_end_that_was_taken_off_the_head_file_is_missed() {
    for host in Host::both() {
        let (whole, ends) = (fs::read(host.heads()).unwrap(), host.entries());
        fs::write(host.heads(), &whole[..ends[6]]).unwrap();
        let report = host.report();
        assert_eq!(report.sessions[2].state, State::Open);
        let session = samples::id(2).to_string();
        assert_eq!(report.head.problems, [Problem::HeadUnended { session }]);

        // With it, the whole of a session that was over while another was still written to.
        let recorder = Recorder::open(options(host.dir.path(), 1, vec![])).unwrap();
        let mut long = recorder
            .create(&SessionStart {
                id: samples::id(7),
                ..samples::start()
            })
            .unwrap();
        let before = fs::metadata(host.heads()).unwrap().len();
        session_of(&recorder, 8, 2);
        for note in 0..300 {
            long.note(&format!("{note}")).unwrap();
            long.flush().unwrap();
        }
        fs::remove_file(host.path(8)).unwrap();
        host.change(&host.heads(), |heads| {
            heads.truncate(usize::try_from(before).unwrap());
        });
        let session = samples::id(7).to_string();
        let found = host.head_problem();
        assert!(
            matches!(&found, Problem::HeadTruncated { session: teller, .. } if *teller == session),
            "{found:?}"
        );
    }
}

#[test]
fn what_was_killed_between_its_end_and_the_head_files_is_closed_as_ended() {
    let host = Host::new(vec![]);
    let ends = host.entries();
    host.change(&host.heads(), |heads| heads.truncate(ends[6]));
    drop(Recorder::open(options(host.dir.path(), 1, vec![])).unwrap());
    let report = host.report();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.sessions[2].state, State::Ended);
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
    writer.flush().unwrap();
    let (record, heads) = (
        fs::read(host.path(9)).unwrap(),
        fs::read(host.heads()).unwrap(),
    );
    drop((writer, recorder));
    fs::write(host.path(9), [&record[..], &[40, 0, 0, 0, 8]].concat()).unwrap();
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
