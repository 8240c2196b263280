//! Commands of streaming replication, as real clients and as liars spell them.

use super::line;
use crate::sql::{replication_command, replication_session};

fn read(text: &[u8]) -> String {
    replication_command(text).map_or_else(|| "sql".to_owned(), |statement| line(&statement))
}

#[test]
fn commands_are_named_for_policy() {
    for (text, expected) in [
        ("IDENTIFY_SYSTEM", "replicate identify_system()"),
        (" \t\n IDENTIFY_SYSTEM ; \n", "replicate identify_system()"),
        ("TIMELINE_HISTORY 2", "replicate timeline_history()"),
        (
            "READ_REPLICATION_SLOT \"s\"",
            "replicate read_replication_slot()",
        ),
        (
            "CREATE_REPLICATION_SLOT \"pg_basebackup_1\" TEMPORARY PHYSICAL ( RESERVE_WAL)",
            "replicate create_replication_slot()",
        ),
        (
            "ALTER_REPLICATION_SLOT \"s\" ( FAILOVER true )",
            "replicate alter_replication_slot()",
        ),
        (
            "DROP_REPLICATION_SLOT \"s\" WAIT",
            "replicate drop_replication_slot() +destroy",
        ),
        (
            "START_REPLICATION SLOT \"s\" LOGICAL 0/0 (\"proto_version\" '1', \"it''s;\" 'a;''b')",
            "replicate [*] start_replication()",
        ),
        (
            "START_REPLICATION 0/1000000 TIMELINE 1",
            "replicate [*] start_replication()",
        ),
    ] {
        assert_eq!(read(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(line(&replication_session()), "replicate");
}

#[test]
fn a_backup_that_goes_elsewhere_says_so() {
    for (options, effects) in [
        ("", ""),
        ("LABEL 'nightly' PROGRESS FAST NOWAIT", ""),
        ("( LABEL 'target', TARGET 'client')", ""),
        ("( TARGET 'server', TARGET_DETAIL '/tmp/x')", " +file"),
        ("( \"target\" 'server')", " +file"),
        ("( target 'shell')", " +file +program"),
        ("( TARGET 'cli''ent')", " +file +program"),
        ("( TARGET", " +file +program"),
        ("( TARGET 'client', TARGET 'shell')", " +file +program"),
    ] {
        let text = format!("BASE_BACKUP {options}");
        let expected = format!("replicate [*] base_backup(){effects}");
        assert_eq!(read(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn what_the_server_reads_as_sql_is_no_command() {
    for text in [
        &b""[..],
        b"   ",
        b"SELECT 1",
        b"SHOW wal_segment_size",
        b"identify_system",
        b"Identify_System",
        b"IDENTIFY_SYSTEMS",
        b"IDENTIFY_SYSTEM$",
        b"IDENTIFY_SYSTEM\xc3\xa9",
        b"/* */ IDENTIFY_SYSTEM",
        b"-- x\nIDENTIFY_SYSTEM",
        b";IDENTIFY_SYSTEM",
        b"\"IDENTIFY_SYSTEM\"",
    ] {
        assert_eq!(read(text), "sql", "{}", text.escape_ascii());
    }
}

#[test]
fn what_is_behind_a_command_hides_nothing() {
    for (text, expected) in [
        (&b"IDENTIFY_SYSTEM; DROP TABLE t"[..], "opaque syntax"),
        (b"IDENTIFY_SYSTEM;;", "opaque syntax"),
        (b"BASE_BACKUP ( LABEL 'x", "opaque syntax"),
        (b"START_REPLICATION SLOT \"s", "opaque syntax"),
        (b"BASE_BACKUP ( LABEL '\xff')", "opaque encoding"),
    ] {
        assert_eq!(read(text), expected, "{}", text.escape_ascii());
    }
}
