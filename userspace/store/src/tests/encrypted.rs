//! Encrypted records are found by their outlines.

use weir_record::{Durability, Options, Recorder, SigningKey};

use super::*;
use crate::Answer;

/// Nobody here has the identity to it.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn recorder(bed: &Bed, recipients: &[&str]) -> Recorder {
    Recorder::open(Options {
        dir: bed.records(),
        key: SigningKey::open(bed.dir.path()).unwrap(),
        durability: Durability::Batched,
        recipients: recipients.iter().map(|one| one.parse().unwrap()).collect(),
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

fn session(recorder: &Recorder, second: i64, subject: &str, target: &str) -> Recording {
    let start = start(second, subject, Some(target));
    Recording {
        id: start.id,
        writer: recorder.create(&start).unwrap(),
    }
}

#[test]
fn a_session_is_found_by_all_but_what_was_said() {
    let bed = Bed::new();
    let recorder = recorder(&bed, &[RECIPIENT]);
    let mut alice = session(&recorder, 0, "unix:alice", "shop");
    let seq = alice.allowed(
        "SELECT secret FROM people",
        &["a@b.example"],
        &["public.people"],
    );
    alice.done(seq, 3);
    let alice = alice.end();
    let mut bob = session(&recorder, 3600, "unix:bob", "orders");
    bob.refused("DROP TABLE people", &["people"]);
    let bob = bob.end();
    let live = session(&recorder, 7200, "unix:eve", "shop");

    let mut index = Index::in_memory().unwrap();
    index.update(&bed.records()).unwrap();
    let ask = |wanted: Wanted| ids(&index, &wanted);
    let listed = index.list(&Wanted::default()).unwrap();
    assert!(listed.unreadable.is_empty(), "{listed:?}");
    assert_eq!(listed.matched, 3);
    let summary = listed.sessions.iter().find(|one| one.start.id == alice);
    let summary = summary.unwrap();
    assert!(summary.encrypted && summary.end == Some(End::Closed));
    assert_eq!((summary.commands, summary.rows, summary.masked), (1, 3, 3));
    for (wanted, found) in [
        (
            Wanted {
                subject: Some("unix:alice".to_owned()),
                ..Wanted::default()
            },
            alice,
        ),
        (
            Wanted {
                target: Some("orders".to_owned()),
                ..Wanted::default()
            },
            bob,
        ),
        (
            Wanted {
                verdict: Some(Answer::Deny),
                table: Some("public.people".to_owned()),
                ..Wanted::default()
            },
            bob,
        ),
        (
            Wanted {
                until: Some(moment(1800)),
                ..Wanted::default()
            },
            alice,
        ),
        (
            Wanted {
                subject: Some("unix:eve".to_owned()),
                ..Wanted::default()
            },
            live.id,
        ),
    ] {
        assert_eq!(ask(wanted.clone()), [found], "{wanted:?}");
    }
    for text in ["secret", "DROP", "a@b.example"] {
        let wanted = Wanted {
            text: Some(text.to_owned()),
            ..Wanted::default()
        };
        assert!(ask(wanted).is_empty());
    }
    let dump = index.dump().unwrap();
    assert!(!dump.contains("secret") && !dump.contains("DROP"), "{dump}");
}

#[test]
fn however_it_grows_the_index_comes_to_the_same() {
    let bed = Bed::new();
    let recorder = recorder(&bed, &[RECIPIENT]);
    let mut live = session(&recorder, 0, "unix:alice", "shop");
    let mut index = Index::open(&bed.index()).unwrap();
    for round in 0..8 {
        for number in 0..37 {
            let seq = live.allowed("SELECT 1", &[], &["people"]);
            live.done(seq, number);
        }
        // Also by an indexer that was started anew.
        if round % 3 == 0 {
            index = Index::open(&bed.index()).unwrap();
        }
        index.update(&bed.records()).unwrap();
    }
    live.end();
    index.update(&bed.records()).unwrap();
    let grown = index.dump().unwrap();
    assert_eq!(grown, bed.made_at_once());
    assert_eq!(
        index.list(&Wanted::default()).unwrap().sessions[0].commands,
        296
    );
}
