use bytes::Bytes;

use super::*;

#[test]
fn only_what_reads_nothing_needs_no_catalogue() {
    let needs_none = |text: &'static str| {
        let prepared = Prepared::read(Bytes::from_static(text.as_bytes()));
        needs_no_catalogue(&prepared)
    };
    for text in [
        "CREATE TABLE t (a int PRIMARY KEY, b text NOT NULL)",
        "create table c () inherits (t)",
        "CREATE SCHEMA s",
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "BEGIN",
        "ROLLBACK TO SAVEPOINT s",
    ] {
        assert!(needs_none(text), "{text}");
    }
    for text in [
        "CREATE TABLE t AS SELECT * FROM people",
        "CREATE TABLE t (LIKE people)",
        "CREATE TABLE t (a int REFERENCES people)",
        "CREATE TABLE p PARTITION OF t FOR VALUES FROM (f()) TO (MAXVALUE)",
        "CREATE TABLE t (a int); SELECT 1",
        "CREATE UNIQUE INDEX i ON people (email)",
        "CREATE VIEW v AS SELECT 1",
        "/* */ CREATE TABLE t (a int)",
        "ALTER TABLE t RENAME a TO b",
        "DROP TABLE t",
        "SELECT 1",
        "DO ''",
        "",
    ] {
        assert!(!needs_none(text), "{text}");
    }
}

#[test]
fn others_are_told_what_is_changed_once_it_is_done() {
    let known = Known::default();
    let (mut one, other) = (Shape::new(&known), Shape::new(&known));
    let text = |text: &'static str| Prepared::read(Bytes::from_static(text.as_bytes()));
    one.tell();
    one.sends(&text("SELECT 1"));
    one.tell();
    assert_eq!(other.changes.count(), 0);
    one.sends(&text("CREATE TEMP TABLE t (a int)"));
    assert!(one.has_changed());
    one.tell();
    assert_eq!(other.changes.count(), 0, "nobody else ever sees it");
    one.sends(&text("DROP TABLE t"));
    one.sends(&text("SELECT 1"));
    assert_eq!(other.changes.count(), 0, "nobody else sees it yet");
    one.tell();
    assert_eq!(other.changes.count(), 1);
    let (before, done, after) = (Instant::now(), Instant::now(), Instant::now());
    one.done = Some(done);
    let read = |at| Known {
        told: 1,
        at: Some(at),
        ..known.clone()
    };
    if before < done {
        one.read(&read(before), true);
        assert!(one.has_changed(), "the reading is older");
    }
    one.read(&read(after), false);
    assert!(one.has_changed(), "something is under way");
    one.read(&read(after), true);
    assert!(!one.has_changed());
}
