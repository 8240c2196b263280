use std::time::Instant;

use super::*;
use crate::{
    Durability, End, Options, Recorder, SessionStart, samples,
    verify::{State, Which, verify},
};

fn options(dir: &Path, keep: Option<Duration>, max_size: Option<u64>) -> Options {
    Options {
        dir: dir.to_owned(),
        key: samples::key(1),
        durability: Durability::Batched,
        recipients: vec![],
        reserve: 0,
        keep,
        max_size,
    }
}

fn start(number: i64) -> SessionStart {
    SessionStart {
        id: samples::id(number),
        ..samples::start()
    }
}

fn age(dir: &Path, number: i64, days: u64) {
    let file = fs::File::options()
        .append(true)
        .open(store::path_of(dir, samples::id(number)))
        .unwrap();
    let then = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
    file.set_modified(then).unwrap();
}

/// Four sessions that have ended.
fn four(dir: &Path) {
    let recorder = Recorder::open(options(dir, None, None)).unwrap();
    for number in 0..4 {
        recorder
            .create(&start(number))
            .unwrap()
            .end(&End::Closed)
            .unwrap();
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn there(dir: &Path) -> Vec<SessionId> {
    let mut ids = store::names(dir).unwrap().ids;
    ids.sort_unstable();
    ids
}

#[test]
fn what_is_old_enough_is_removed_and_a_signed_tombstone_stays() {
    let dir = samples::dir();
    four(dir.path());
    age(dir.path(), 0, 91);
    age(dir.path(), 1, 89);
    age(dir.path(), 3, 100);
    let keep = Some(Duration::from_secs(90 * 24 * 3600));
    let recorder = Recorder::open(options(dir.path(), keep, None)).unwrap();
    wait_until(|| there(dir.path()).len() == 2);
    assert_eq!(there(dir.path()), [samples::id(1), samples::id(2)]);
    drop(recorder);
    let all = Which::Began {
        since: None,
        until: None,
    };
    let report = verify(dir.path(), &samples::key(1).public().into(), &all).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let states: Vec<_> = report.sessions.iter().map(|one| one.state).collect();
    assert_eq!(
        states,
        [State::Removed, State::Ended, State::Ended, State::Removed]
    );
}

#[test]
fn the_oldest_go_until_the_rest_fits_but_never_a_live_one() {
    let dir = samples::dir();
    four(dir.path());
    let one = fs::metadata(store::path_of(dir.path(), samples::id(0)))
        .unwrap()
        .len();
    let limits = Limits {
        keep: None,
        max_size: Some(2 * one + one / 2),
    };
    let live = |id| id == samples::id(1);
    let due = due(dir.path(), limits, SystemTime::now(), live).unwrap();
    let ids: Vec<_> = due.iter().map(|due| due.id).collect();
    assert_eq!(ids, [samples::id(0), samples::id(2)]);
    assert!(due.iter().all(|due| due.reason == Reason::Size));
}

#[test]
fn a_live_session_is_never_removed_however_old() {
    let dir = samples::dir();
    let keep = Some(Duration::ZERO);
    let recorder = Recorder::open(options(dir.path(), keep, None)).unwrap();
    let mut writer = recorder.create(&start(7)).unwrap();
    let limits = Limits {
        keep,
        max_size: Some(1),
    };
    let due = due(dir.path(), limits, SystemTime::now(), |_| true).unwrap();
    assert_eq!(due, []);
    writer.note("still here").unwrap();
    assert_eq!(there(dir.path()), [samples::id(7)]);
}

#[test]
fn what_somebody_still_needs_stays_however_old_it_is() {
    let dir = samples::dir();
    four(dir.path());
    for number in 0..4 {
        age(dir.path(), number, 100);
    }
    let needed = samples::id(1);
    let keep = Some(Duration::from_secs(90 * 24 * 3600));
    let spared = Spared::by(move |id| id == needed);
    let _recorder = Recorder::open_sparing(options(dir.path(), keep, None), spared).unwrap();
    wait_until(|| there(dir.path()).len() == 1);
    assert_eq!(there(dir.path()), [needed]);
}

#[test]
fn who_prunes_leaves_what_is_written_to_and_the_rest_is_sound() {
    let dir = samples::dir();
    four(dir.path());
    let recorder = Recorder::open(options(dir.path(), None, None)).unwrap();
    let mut live = recorder.create(&start(7)).unwrap();
    let limits = Limits {
        keep: None,
        max_size: Some(1),
    };
    let due = recorder.due(limits).unwrap();
    assert_eq!(due.len(), 4);
    assert_eq!(there(dir.path()).len(), 5, "nothing is gone yet");
    // Two at once remove each once.
    let gone = std::thread::scope(|scope| {
        let prune = || recorder.prune(limits).unwrap();
        let (one, other) = (scope.spawn(prune), scope.spawn(prune));
        one.join().unwrap().len() + other.join().unwrap().len()
    });
    assert_eq!(gone, 4);
    assert_eq!(there(dir.path()), [samples::id(7)]);
    live.note("still here").unwrap();
    live.end(&End::Closed).unwrap();
    drop(recorder);
    let all = Which::Began {
        since: None,
        until: None,
    };
    let report = verify(dir.path(), &samples::key(1).public().into(), &all).unwrap();
    assert!(report.is_sound(), "{report:?}");
    // The key, what four and one came to, and a tombstone for each of the four.
    assert_eq!(report.head.entries, 1 + 2 * 5 + 4);
    let removed = report
        .sessions
        .iter()
        .filter(|one| one.state == State::Removed);
    assert_eq!(removed.count(), 4);
}
