//! An index that is of no use is thrown away, and the records make another.

use rusqlite::Connection;

use super::*;
use crate::Indexer;

/// A way to make an index useless.
type Spoils = Box<dyn Fn(&Path)>;

fn bed() -> Bed {
    let bed = Bed::new();
    for n in 0..5 {
        let mut one = bed.begin(n, "unix:alice", Some("shop"));
        for _ in 0..20 {
            one.refused(&"DROP TABLE people; ".repeat(20), &["people"]);
        }
        one.end();
    }
    bed
}

fn made(bed: &Bed) {
    let mut index = Index::open(&bed.index()).unwrap();
    index.update(&bed.records()).unwrap();
}

#[test]
fn an_index_of_no_use_is_made_anew() {
    let bed = bed();
    let expected = bed.made_at_once();
    let with = |sql: &'static str| {
        move |path: &Path| {
            let db = Connection::open(path).unwrap();
            db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
            db.execute_batch(sql).unwrap();
        }
    };
    let ways: Vec<(&str, Spoils)> = vec![
        ("empty", Box::new(|path| fs::write(path, "").unwrap())),
        (
            "no database",
            Box::new(|path| fs::write(path, "x".repeat(9000)).unwrap()),
        ),
        (
            "cut",
            Box::new(|path| damage(path, |bytes| bytes.truncate(bytes.len() / 2))),
        ),
        (
            "overwritten",
            Box::new(|path| {
                damage(path, |bytes| {
                    let middle = bytes.len() / 3;
                    bytes[middle..].fill(0x5a);
                });
            }),
        ),
        (
            "of another version",
            Box::new(with("PRAGMA user_version = 4711")),
        ),
        ("without a table", Box::new(with("DROP TABLE commands"))),
        (
            "with nonsense",
            Box::new(with("UPDATE sessions SET position = 'x'")),
        ),
        (
            "another's",
            Box::new(with("DROP TABLE sessions; CREATE TABLE sessions (a)")),
        ),
    ];
    for (what, spoil) in ways {
        made(&bed);
        spoil(&bed.index());
        // By the thread, which is never to fail on it.
        let indexer = Indexer::start(&bed.index(), &bed.records()).unwrap();
        let listed = indexer.list(&Wanted::default()).unwrap();
        assert_eq!((listed.matched, listed.pending), (5, 0), "{what}");
        drop(indexer);
        let index = Index::open(&bed.index()).unwrap();
        assert_eq!(index.dump().unwrap(), expected, "{what}");
    }
}

#[test]
fn damage_under_a_running_indexer_costs_no_answer() {
    let bed = bed();
    let indexer = Indexer::start(&bed.index(), &bed.records()).unwrap();
    let all = || indexer.list(&Wanted::default()).unwrap().matched;
    assert_eq!(all(), 5);
    for _ in 0..3 {
        damage(&bed.index(), |bytes| bytes.fill(0x5a));
        bed.begin(100, "unix:bob", None).end();
        assert_eq!(all(), 6);
        fs::remove_file(weir_record::store::path_of(
            &bed.records(),
            start(100, "x", None).id,
        ))
        .unwrap();
        assert_eq!(all(), 5);
    }
}

#[test]
fn nobody_else_may_read_the_index() {
    let bed = bed();
    made(&bed);
    let mode = fs::metadata(bed.index()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
