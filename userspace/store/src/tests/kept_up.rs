//! Growing, deleted and interrupted: the index comes to what it would hold had it been made at
//! once.

use std::{
    env,
    process::{Command as Process, Stdio},
    thread,
    time::Duration,
};

use proptest::{collection, prelude::*};

use super::*;
use crate::{Indexer, Pass};

/// Where the child process of a test works.
const CHILD: &str = "WEIR_STORE_TEST_DIR";

#[test]
fn a_live_session_is_taken_in_as_it_grows() {
    let bed = Bed::new();
    let mut one = bed.begin(0, "unix:alice", Some("shop"));
    let mut index = Index::open(&bed.index()).unwrap();
    index.update(&bed.records()).unwrap();
    let text = |text: &str| Wanted {
        text: Some(text.to_owned()),
        ..Wanted::default()
    };
    assert_eq!(ids(&index, &text("drop")).len(), 0);
    let seq = one.refused("DROP TABLE people", &["people"]);
    assert_eq!(index.update(&bed.records()).unwrap().read, 1);
    assert_eq!(ids(&index, &text("drop")), [one.id]);
    one.done(seq, 1);
    // Another process goes on where this one was.
    drop(index);
    let mut index = Index::open(&bed.index()).unwrap();
    index.update(&bed.records()).unwrap();
    assert_eq!(index.list(&Wanted::default()).unwrap().sessions[0].rows, 1);
    one.end();
    index.update(&bed.records()).unwrap();
    assert_eq!(index.update(&bed.records()).unwrap(), Pass::default());
    assert_eq!(index.dump().unwrap(), bed.made_at_once());
}

#[test]
fn one_that_has_ended_is_taken_in_without_the_others() {
    let bed = Bed::new();
    let mut index = Index::open(&bed.index()).unwrap();
    let (mut one, other) = (
        bed.begin(0, "unix:alice", Some("shop")),
        bed.begin(1, "unix:bob", None),
    );
    one.refused("DROP TABLE people", &["people"]);
    let (gone, other) = (start(2, "unix:carol", None).id, other.end());
    let one = one.end();
    let all = Wanted::default();
    index.update_of(&bed.records(), &[one, gone]).unwrap();
    assert_eq!(ids(&index, &all), [one]);
    index.update_of(&bed.records(), &[one, gone]).unwrap();
    assert_eq!(index.update(&bed.records()).unwrap().read, 1);
    assert_eq!(ids(&index, &all), [other, one]);
    assert_eq!(index.dump().unwrap(), bed.made_at_once());
}

#[test]
fn what_is_gone_is_forgotten_and_found_no_more() {
    let bed = Bed::new();
    let mut one = bed.begin(0, "unix:alice", Some("shop"));
    one.refused("DROP TABLE people", &["people"]);
    let path = one.path().to_owned();
    one.end();
    let kept = bed.begin(1, "unix:alice", None).end();
    let mut index = Index::open(&bed.index()).unwrap();
    index.update(&bed.records()).unwrap();
    fs::remove_file(path).unwrap();
    assert_eq!(index.update(&bed.records()).unwrap().gone, 1);
    assert_eq!(ids(&index, &Wanted::default()), [kept]);
    let text = Wanted {
        text: Some("drop".to_owned()),
        ..Wanted::default()
    };
    assert_eq!(ids(&index, &text), []);
    assert_eq!(index.dump().unwrap(), bed.made_at_once());
}

#[test]
fn records_that_can_t_be_read_are_named_until_they_can() {
    let bed = Bed::new();
    let mut one = bed.begin(0, "unix:alice", None);
    one.refused("DROP TABLE people", &["people"]);
    let (path, id) = (one.path().to_owned(), one.id);
    let good = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    one.refused("DROP TABLE orders", &["orders"]);
    one.end();
    let other = bed.begin(1, "unix:bob", None);
    let copy = weir_record::store::path_of(&bed.records(), super::start(5, "x", None).id);
    fs::copy(other.path(), &copy).unwrap();
    fs::write(bed.records().join("nonsense.weir"), "x").unwrap();
    let whole = fs::read(&path).unwrap();
    // In the middle: what is before stays known.
    damage(&path, |bytes| bytes[good + 10] ^= 1);
    let mut index = Index::open(&bed.index()).unwrap();
    index.update(&bed.records()).unwrap();
    let listed = index.list(&Wanted::default()).unwrap();
    let problems: Vec<_> = listed.unreadable.iter().map(|one| &one.problem).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(listed.sessions.len(), 2);
    assert_eq!(index.dump().unwrap(), bed.made_at_once());
    // A record is mended with a byte more or less, or it is made anew.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    fs::remove_file(copy).unwrap();
    fs::remove_file(bed.records().join("nonsense.weir")).unwrap();
    index.update(&bed.records()).unwrap();
    fs::write(&path, &whole).unwrap();
    index.update(&bed.records()).unwrap();
    let listed = index.list(&Wanted::default()).unwrap();
    assert_eq!(listed.unreadable, []);
    assert!(ids(&index, &Wanted::default()).contains(&id));
    assert_eq!(index.dump().unwrap(), bed.made_at_once());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// What happens to the records comes in any order, and between any two of these the index is
    /// looked at in part, in full, closed and opened, or emptied.
    #[test]
    fn every_way_leads_to_the_same_index(steps in collection::vec((0..6usize, 0..8u8), 1..40)) {
        let bed = Bed::new();
        let mut open: Vec<Recording> = Vec::new();
        let mut index = Index::open(&bed.index()).unwrap();
        for (n, (which, step)) in (0..).zip(steps) {
            let place = (!open.is_empty()).then(|| which % open.len().max(1));
            match (step, place) {
                (0, _) | (_, None) => open.push(bed.begin(n, "unix:alice", Some("shop"))),
                (1, Some(place)) => {
                    open[place].refused("DROP TABLE people", &["public.people"]);
                }
                (2, Some(place)) => {
                    let seq = open[place].allowed("SELECT 1", &["x"], &["people"]);
                    open[place].done(seq, 2);
                }
                (3, Some(place)) => drop(open.swap_remove(place).end()),
                (4, Some(place)) => {
                    let one = open.swap_remove(place);
                    fs::remove_file(one.path()).unwrap();
                }
                (5, _) => {
                    index.update_while(&bed.records(), |pending| pending > which).unwrap();
                }
                (6, _) => {
                    drop(index);
                    index = Index::open(&bed.index()).unwrap();
                }
                (_, _) => {
                    if which == 0 {
                        index.clear().unwrap();
                    } else {
                        index.update(&bed.records()).unwrap();
                    }
                }
            }
        }
        index.update(&bed.records()).unwrap();
        prop_assert_eq!(index.dump().unwrap(), bed.made_at_once());
    }
}

/// Not a test of its own: what the next one kills.
#[test]
fn a_process_that_indexes_until_it_is_killed() {
    let Some(dir) = env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    loop {
        let mut index = Index::open(&dir.join("index.db")).unwrap();
        index.update(&dir.join("records")).unwrap();
        index.clear().unwrap();
    }
}

#[test]
fn an_indexer_that_is_killed_at_any_point_leaves_nothing_half() {
    let bed = Bed::new();
    for n in 0..30 {
        let mut one = bed.begin(n, "unix:alice", Some("shop"));
        for _ in 0..20 {
            let seq = one.refused("DROP TABLE people", &["people", "orders"]);
            one.done(seq, 1);
        }
    }
    let expected = bed.made_at_once();
    for round in 0..15u64 {
        let mut child = Process::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "tests::kept_up::a_process_that_indexes_until_it_is_killed",
            ])
            .env(CHILD, bed.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(20 + round * 17 % 130));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut index = Index::open(&bed.index()).unwrap();
        index.update(&bed.records()).unwrap();
        assert_eq!(index.dump().unwrap(), expected, "round {round}");
    }
}

#[test]
fn the_thread_takes_in_what_comes_and_who_asks_gets_it_all() {
    let bed = Bed::new();
    let indexer = Indexer::start(&bed.index(), &bed.records()).unwrap();
    let all = || indexer.list(&Wanted::default()).unwrap();
    assert_eq!(all(), crate::Sessions::default(), "before the first record");
    let mut one = bed.begin(0, "unix:alice", Some("shop"));
    assert_eq!(all().sessions.len(), 1);
    one.refused("DROP TABLE people", &["people"]);
    assert_eq!(all().sessions[0].refused, 1);
    let id = one.id;
    let found = indexer.find(id.to_string().get(..14).unwrap()).unwrap();
    assert_eq!(found, one.path());
    assert!(indexer.find("zz").is_err());
    assert!(indexer.find("../x").is_err());
    one.end();
    let rebuilt = indexer.rebuild().unwrap();
    assert_eq!((rebuilt.matched, rebuilt.pending), (1, 0));
    drop(indexer);
    let index = Index::open(&bed.index()).unwrap();
    assert_eq!(index.dump().unwrap(), bed.made_at_once());
}
