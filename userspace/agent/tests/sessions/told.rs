//! `weir sessions` on the records of a real session: found, replayed, written out for others.

use serde_json::Value;
use testbed::{Output, Spawn};

use crate::{common::Gate, stand};

/// `weir sessions …` on the gate's records, without a daemon.
fn weir(gate: &Gate, arguments: &[&str]) -> Output {
    Spawn::new(env!("CARGO_BIN_EXE_weir"))
        .arg("sessions")
        .args(arguments)
        .args(["--records", gate.records.to_str().unwrap()])
        .run()
        .unwrap()
}

fn found(gate: &Gate, arguments: &[&str]) -> usize {
    let listed = weir(gate, &[&["list", "--json"], arguments].concat());
    let listed: Value = serde_json::from_str(&listed.stdout_text()).unwrap();
    listed["sessions"].as_array().unwrap().len()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_session_is_found_by_what_it_did() {
    let (_server, gate) = stand();
    gate.psql("SELECT id, email FROM people LIMIT 2");
    gate.psql("DROP TABLE orders");
    gate.ended(2);
    for (arguments, expected) in [
        (&[][..], 2),
        (&["--subject", "unix:tester"], 2),
        (&["--subject", "unix:nobody"], 0),
        (&["--target", "db", "--workload", "test"], 2),
        (&["--verdict", "deny"], 1),
        (&["--verdict", "deny", "--table", "public.orders"], 1),
        (&["--verdict", "deny", "--table", "people"], 0),
        (&["--verdict", "allow", "--table", "people"], 1),
        (&["--text", "LIMIT 2"], 1),
        (&["--text", "drop table ORDERS"], 1),
        (&["--since", "1h"], 2),
        (&["--until", "yesterday"], 0),
        (&["--limit", "1"], 1),
    ] {
        assert_eq!(found(&gate, arguments), expected, "{arguments:?}");
    }
    let table = weir(&gate, &["list", "--verdict", "deny"]).stdout_text();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(!table.contains('\u{1b}'), "colour is for terminals");
}

#[test]
fn what_was_masked_is_marked_in_a_replay_and_in_an_export() {
    let (_server, gate) = stand();
    let seen = gate
        .psql("SELECT id, email FROM people ORDER BY id LIMIT 2")
        .stdout_text();
    let id = gate.ended(1)[0].start.id.to_string();
    let replayed = weir(&gate, &["replay", &id]).stdout_text();
    assert!(replayed.contains(" id | email (masked)"), "{replayed}");
    let quick = weir(&gate, &["replay", &id, "--pace", "1000000x"]).stdout_text();
    assert!(quick.contains("email (masked)"), "{quick}");
    // A session that is over is followed to its end.
    let watched = weir(&gate, &["watch", &id]).stdout_text();
    assert!(
        watched.contains("email (masked)") && watched.contains("closed"),
        "{watched}"
    );

    let exported = lines(&weir(&gate, &["export", &id]).stdout_text());
    assert!(exported.iter().all(|line| line["session"] == id.as_str()));
    let result = exported
        .iter()
        .find(|line| line["rows"].is_array())
        .unwrap();
    let masked: Vec<_> = result["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["masked"])
        .collect();
    assert_eq!(masked, [false, true]);
    let rows: Vec<String> = result["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{}|{}", row[0].as_str().unwrap(), row[1].as_str().unwrap()))
        .collect();
    assert_eq!(rows.join("\n"), seen.trim(), "as the agent saw it");
    let shipped = lines(&weir(&gate, &["export", &id, "--format", "ocsf"]).stdout_text());
    assert!(shipped.len() > 2, "{shipped:?}");
    for event in &shipped {
        assert!(event["class_uid"].is_u64() && event["metadata"]["uid"].is_string());
        assert!(
            !event.to_string().contains("example.com"),
            "no results: {event}"
        );
    }

    let events: Vec<_> = exported
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events.first(), Some(&"start"));
    assert_eq!(events.last(), Some(&"end"));
}

#[test]
fn nothing_that_an_agent_sent_is_a_formula_or_another_cell() {
    let (_server, gate) = stand();
    gate.psql("=cmd|' /C calc'!A0, \"x\"\u{1b}[2J");
    gate.ended(1);
    let path = gate.dir.path().join("out.csv");
    let to = path.to_str().unwrap();
    let out = weir(&gate, &["export", "--format", "csv", "--out", to]);
    assert_eq!(out.stderr_text(), "");
    let csv = std::fs::read_to_string(&path).unwrap();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(
        csv.contains(",\"'=cmd|' /C calc'!A0, \"\"x\"\"\\u{1b}[2J\","),
        "{csv}"
    );
    let again = weir(&gate, &["export", "--format", "csv", "--out", to]);
    assert!(
        again.stderr_text().contains("out.csv"),
        "{}",
        again.stderr_text()
    );
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        csv,
        "nothing is overwritten"
    );
}

#[test]
fn what_can_t_be_done_is_said_with_its_exit_code() {
    let (_server, gate) = stand();
    for (arguments, code, told) in [
        (&["kill", "0"][..], 2, "--records"),
        (&["prune"], 2, "--records"),
        (&["reindex"], 2, "--records"),
        (&["watch"], 2, "daemon alone"),
        (&["show", "zz"], 1, "no session"),
        (
            &["export", "zz", "--out", "/tmp/weir-never"],
            1,
            "no session",
        ),
        (&["list", "--since", "tomorrow"], 2, "2h"),
        (&["replay", "0", "--pace", "0x"], 2, "10x"),
    ] {
        let out = weir(&gate, arguments);
        let said = out.stderr_text();
        assert_eq!(out.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
    assert!(!std::path::Path::new("/tmp/weir-never").exists());
}

#[test]
fn what_can_t_be_read_is_said_and_the_rest_is_told() {
    let (_server, gate) = stand();
    gate.psql("SELECT 1");
    gate.ended(1);
    let junk = gate.records.join("junk.weir");
    std::fs::write(&junk, "junk").unwrap();
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["export"],
        &["export", "--format", "csv"],
    ] {
        let out = weir(&gate, arguments);
        let (told, said) = (out.stdout_text(), out.stderr_text());
        assert_eq!(out.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(told.contains("unix:tester"), "{arguments:?}: {told}");
        let named = format!("{told}{said}").contains(junk.to_str().unwrap());
        assert!(named, "{arguments:?}: {told}{said}");
    }
}
