//! Sessions: listed, shown, copied, ended.

use std::{fs, time::Duration};

use weir_policy::{PolicyVersion, Refusal};
use weir_record::{CommandText, End, SessionReader, SessionWriter};
use weir_store::Answer;

use super::{
    super::{Prune, Sessions, Wanted},
    Served, code_of, start,
};
use crate::session::Killed;

fn wanted(subject: Option<&str>, target: Option<&str>, limit: usize) -> Wanted {
    Wanted {
        subject: subject.map(ToOwned::to_owned),
        target: target.map(ToOwned::to_owned),
        limit: Some(limit),
        ..Wanted::default()
    }
}

#[tokio::test]
async fn sessions_are_listed_filtered_and_limited() {
    let served = Served::start();
    let none = served
        .client
        .sessions(&wanted(None, None, 10))
        .await
        .unwrap();
    assert_eq!(none, Sessions::default(), "before the first record");
    let orders = served.record(1, "orders");
    let people = served.record(2, "people");
    fs::write(served.daemon.0.records.join("nonsense.weir"), "x").unwrap();

    let all = served
        .client
        .sessions(&wanted(None, None, 10))
        .await
        .unwrap();
    let ids: Vec<_> = all
        .sessions
        .iter()
        .map(|session| session.start.id)
        .collect();
    assert_eq!(ids, [people, orders], "newest first");
    assert_eq!(all.unreadable.len(), 1, "what can't be read is named");

    let one = served
        .client
        .sessions(&wanted(None, Some("orders"), 10))
        .await
        .unwrap();
    assert_eq!((one.sessions.len(), one.matched), (1, 1));
    let limited = served
        .client
        .sessions(&wanted(Some("unix:alice"), None, 1))
        .await
        .unwrap();
    assert_eq!(
        (limited.sessions.len(), limited.matched),
        (1, 2),
        "what is left out is told"
    );
    assert!(
        served
            .client
            .sessions(&wanted(Some("unix:bob"), None, 1))
            .await
            .unwrap()
            .sessions
            .is_empty()
    );
    assert_eq!(
        code_of(served.client.sessions(&wanted(None, None, 1_000_000)).await),
        "bad_query"
    );
}

#[tokio::test]
async fn a_session_is_found_by_the_beginning_of_its_id_and_its_record_copied_whole() {
    let served = Served::start();
    let id = served.record(0xdead_beef, "orders");
    let session = served
        .client
        .session(id.to_string().get(..14).unwrap())
        .await
        .unwrap();
    assert_eq!(session.summary.end, Some(End::Closed));
    assert_eq!(session.events.len(), 2);
    assert!(!session.truncated);

    let copy = served.dir.path().join("copy");
    let mut file = fs::File::create(&copy).unwrap();
    served
        .client
        .record(&id.to_string(), &mut file)
        .await
        .unwrap();
    assert_eq!(
        fs::read(&copy).unwrap(),
        fs::read(served.daemon.0.records.join(format!("{id}.weir"))).unwrap()
    );
    assert!(
        SessionReader::open(&copy)
            .unwrap()
            .all(|entry| entry.is_ok())
    );
}

#[tokio::test]
async fn a_record_that_just_stops_is_told_as_such() {
    let served = Served::start();
    let id = served.record(1, "orders");
    let path = served.daemon.0.records.join(format!("{id}.weir"));
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(length - 1).unwrap();
    let session = served.client.session(&id.to_string()).await.unwrap();
    assert_eq!(session.summary, weir_record::Summary::read(&path).unwrap());
    assert!(matches!(
        session.summary.tail,
        weir_record::Tail::Torn { .. }
    ));
    assert_eq!(session.summary.end, None);
}

#[tokio::test]
async fn a_session_that_can_t_be_named_is_an_error_with_a_code() {
    let served = Served::start();
    let id = served.record(1, "orders").to_string();
    served.record(2, "orders");
    assert_eq!(
        code_of(served.client.session(id.get(..3).unwrap()).await),
        "ambiguous_session"
    );
    assert_eq!(
        code_of(served.client.session("zzzz").await),
        "no_such_session"
    );
    assert_eq!(
        code_of(served.client.session("../../../etc/passwd").await),
        "bad_session_id"
    );
    assert_eq!(
        code_of(served.client.record("..", &mut Vec::new()).await),
        "bad_session_id"
    );
}

#[tokio::test]
async fn a_live_session_is_ended_by_whoever_asked_and_what_is_over_can_t_be() {
    let served = Served::start();
    let id = served.record(1, "orders");
    let over = served.client.kill(&id.to_string(), None).await;
    assert_eq!(code_of(over), "session_not_live");
    assert_eq!(
        code_of(served.client.kill("zz", None).await),
        "no_such_session"
    );
    served.daemon.0.live.lock().unwrap().push(id);
    let long = "x".repeat(1001);
    let refused = served.client.kill(&id.to_string(), Some(&long)).await;
    assert_eq!(code_of(refused), "bad_body");
    let text = id.to_string();
    let ended = served.client.kill(&text, Some("it strays")).await.unwrap();
    assert_eq!((ended.id, ended.over), (id, true));
    let killed = Killed {
        by: "unix:root".into(),
        reason: Some("it strays".into()),
    };
    assert_eq!(*served.daemon.0.killed.lock().unwrap(), [killed]);
}

#[tokio::test]
async fn what_was_kept_long_enough_is_removed_when_somebody_says_so() {
    let served = Served::start();
    let (old, new) = (served.record(1, "orders"), served.record(2, "people"));
    let nothing_said = served.client.prune(&Prune::default()).await;
    assert_eq!(code_of(nothing_said), "no_limits");
    let path = |id| weir_record::store::path_of(&served.daemon.0.records, id);
    let then = std::time::SystemTime::now() - Duration::from_secs(91 * 24 * 3600);
    let file = fs::File::options().append(true).open(path(old)).unwrap();
    file.set_modified(then).unwrap();
    let wanted = Prune {
        keep_seconds: Some(90 * 24 * 3600),
        max_bytes: None,
        dry_run: true,
    };
    let told = served.client.prune(&wanted).await.unwrap();
    let ids: Vec<_> = told.sessions.iter().map(|one| one.id).collect();
    assert_eq!((ids.as_slice(), told.dry_run), (&[old][..], true));
    assert!(path(old).exists() && served.daemon.0.audited.lock().unwrap().is_empty());

    let wanted = Prune {
        dry_run: false,
        ..wanted
    };
    let pruned = served.client.prune(&wanted).await.unwrap();
    assert_eq!(pruned.sessions, told.sessions);
    assert!(!path(old).exists() && path(new).exists());
    let audit = served.daemon.0.audited.lock().unwrap().clone();
    let [line] = audit.as_slice() else {
        panic!("{audit:?}")
    };
    assert_eq!(line["event"], "sessions_pruned");
    assert_eq!(
        (&line["sessions"], &line["by"]),
        (&1.into(), &"unix:root".into())
    );
    let again = served.client.prune(&wanted).await.unwrap();
    assert!(again.sessions.is_empty());
}

fn refusal() -> Refusal {
    let version: PolicyVersion = serde_json::from_str("\"0123456789abcdef\"").unwrap();
    Refusal {
        rule: "no-destroy".into(),
        message: "no".into(),
        deciding: Vec::new(),
        version,
    }
}

pub(super) fn refused(writer: &mut SessionWriter, text: &str) {
    let command = CommandText {
        text,
        parameters: &[],
        statements: (&[]).into(),
        signals: &[],
    };
    writer.refused(&refusal(), command).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_found_by_what_was_asked_in_them_while_they_last() {
    let served = Served::start();
    served.record(1, "orders");
    let begun = start(2, "orders");
    let mut live = SessionWriter::create(&served.daemon.0.records, &begun).unwrap();
    let with = |text: &str| Wanted {
        text: Some(text.into()),
        verdict: Some(Answer::Deny),
        since: Some(begun.started),
        ..Wanted::default()
    };
    let client = &served.client;
    let none = client.sessions(&with("a & b=%20?")).await.unwrap();
    assert_eq!(none.matched, 0);
    refused(&mut live, "DROP TABLE \"A & b=%20?\"");
    let found = client.sessions(&with("a & b=%20?")).await.unwrap();
    assert_eq!((found.matched, found.pending), (1, 0));
    assert_eq!(found.sessions[0].start.id, begun.id);
    let long = with(&"x".repeat(1_001));
    assert_eq!(code_of(client.sessions(&long).await), "bad_query");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_one_another_and_the_index_is_made_anew_on_demand() {
    let served = Served::start();
    let ids: Vec<_> = (0..5).map(|n| served.record(n, "orders")).collect();
    let mut page = wanted(None, None, 2);
    let mut seen = Vec::new();
    loop {
        let listed = served.client.sessions(&page).await.unwrap();
        assert_eq!(listed.matched, 5);
        seen.extend(listed.sessions.iter().map(|one| one.start.id));
        match listed.next {
            Some(next) => page.before = Some(next),
            None => break,
        }
    }
    seen.reverse();
    assert_eq!(seen, ids);
    let made = served.client.reindex().await.unwrap();
    assert_eq!((made.sessions, made.unreadable), (5, 0));
}
