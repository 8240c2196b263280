//! One gigantic row or statement: passed or masked up to `max_message`, refused beyond it in so many
//! words, and never more in memory than a few times that.

use std::fs;

use testbed::{Output, Spawn};
use weir_record::{End, Entry, Event, SessionReader};

use crate::{
    common::{Gate, alone::alone},
    stand,
};

const MIB: u64 = 1 << 20;
/// The gate's `max_message`.
const LIMIT: u64 = 8 * MIB;
/// What a session may hold of one message at once: as it came, as it goes on, and on its way to the
/// record, each in a buffer that has grown by doubling.
const COPIES: u64 = 16;

/// The most memory that this process has had, in bytes, since [`forget`].
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() * 1024
}

fn forget() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// psql that keeps nothing here of what it gets.
fn psql(gate: &Gate, sql: &str) -> Output {
    let out = gate.dir.path().join("out");
    let out = out.to_str().unwrap();
    gate.psql_with(&[
        "-v",
        "VERBOSITY=verbose",
        "-v",
        "FETCH_COUNT=1",
        "-o",
        out,
        "-c",
        sql,
    ])
}

fn got(gate: &Gate) -> Vec<u8> {
    let mut bytes = fs::read(gate.dir.path().join("out")).unwrap();
    assert_eq!(bytes.pop(), Some(b'\n'));
    bytes
}

fn is_refused(out: &Output, side: &str) {
    let told = out.stderr_text();
    assert!(told.contains("54000"), "{told}");
    assert!(
        told.contains(&format!("{side} sent a message of")),
        "{told}"
    );
    assert!(told.contains("no more than 8388608"), "{told}");
    assert!(told.contains("`max_message` in [engine]"), "{told}");
}

#[test]
fn rows_up_to_the_limit_pass_and_a_larger_one_is_told_what_to_do() {
    if !alone("gigantic::rows_up_to_the_limit_pass_and_a_larger_one_is_told_what_to_do") {
        return;
    }
    let (_server, gate) = stand();
    assert!(psql(&gate, "SELECT repeat('x', 1000)").status.success());
    forget();
    let before = peak();
    let most = 7 * MIB;
    let out = psql(&gate, &format!("SELECT repeat('x', {most})"));
    assert_eq!(out.stderr_text(), "");
    let value = got(&gate);
    assert_eq!(u64::try_from(value.len()).unwrap(), most);
    assert!(value.iter().all(|byte| *byte == b'x'));
    drop(value);

    // One after the other: many times the limit in all.
    let many = format!("SELECT repeat('x', {most}) FROM generate_series(1, 40)");
    let out = psql(&gate, &many);
    assert_eq!(out.stderr_text(), "");
    let grown = peak() - before;
    println!("{} MiB for {} MiB of rows", grown / MIB, 40 * most / MIB);
    assert!(grown < COPIES * LIMIT, "{} MiB", grown / MIB);

    is_refused(&psql(&gate, "SELECT 1, repeat('x', 9 << 20)"), "the target");
    assert!(psql(&gate, "SELECT 1").status.success());
    let all = gate.ended(5);
    let ends = all.iter().filter_map(|summary| summary.end.as_ref());
    let failed =
        ends.filter(|end| matches!(end, End::Error { message } if message.contains("max_message")));
    assert_eq!(failed.count(), 1);
}

#[test]
fn a_gigantic_value_is_masked_too() {
    if !alone("gigantic::a_gigantic_value_is_masked_too") {
        return;
    }
    let (server, gate) = stand();
    let long = "SET ROLE app; CREATE TABLE letters (id int, email text); \
                INSERT INTO letters VALUES (1, repeat('secret', 1 << 20))";
    server.psql_as_superuser(long).unwrap();
    forget();
    let before = peak();
    let out = psql(&gate, "SELECT id, email FROM letters");
    assert_eq!(out.stderr_text(), "");
    let grown = peak() - before;
    assert!(grown < COPIES * LIMIT, "{} MiB", grown / MIB);
    let shown = got(&gate);
    assert!(!shown.windows(12).any(|part| part == b"secretsecret"));
    let id = gate.ended(1)[0].start.id;
    let record = weir_record::store::path_of(&gate.records, id);
    let masked: u64 = SessionReader::open(&record)
        .unwrap()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome.masked),
            _ => None,
        })
        .sum();
    assert_eq!(masked, 1);

    let longer = "UPDATE letters SET email = repeat('secret', 2 << 20)";
    server.psql_as_superuser(longer).unwrap();
    is_refused(&psql(&gate, "SELECT id, email FROM letters"), "the target");
}

#[test]
fn a_gigantic_statement_is_refused_in_the_same_words() {
    let (_server, gate) = stand();
    let file = gate.dir.path().join("long.sql");
    fs::write(&file, format!("SELECT length('{}');", "x".repeat(9 << 20))).unwrap();
    let port = gate.address.port().to_string();
    let long = Spawn::new("psql")
        .args([
            "-X",
            "-h",
            "127.0.0.1",
            "-U",
            "agent",
            "-d",
            "shop",
            "-p",
            &port,
        ])
        .args(["-v", "VERBOSITY=verbose", "-f", file.to_str().unwrap()])
        .run()
        .unwrap();
    is_refused(&long, "the agent");
    assert!(psql(&gate, "SELECT 1").status.success());
}
