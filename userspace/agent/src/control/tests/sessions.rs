//! Sessions: listed, shown, copied, ended.

use std::fs;

use weir_record::{End, SessionReader};

use super::{
    super::{Sessions, Wanted},
    Served, code_of,
};
use crate::session::Killed;

fn wanted<'a>(subject: Option<&'a str>, target: Option<&'a str>, limit: usize) -> Wanted<'a> {
    Wanted {
        subject,
        target,
        limit,
    }
}

#[tokio::test]
async fn sessions_are_listed_filtered_and_limited() {
    let served = Served::start();
    let none = served
        .client
        .sessions(wanted(None, None, 10))
        .await
        .unwrap();
    assert_eq!(none, Sessions::default(), "before the first record");
    let orders = served.record(1, "orders");
    let people = served.record(2, "people");
    fs::write(served.daemon.0.records.join("nonsense.weir"), "x").unwrap();

    let all = served
        .client
        .sessions(wanted(None, None, 10))
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
        .sessions(wanted(None, Some("orders"), 10))
        .await
        .unwrap();
    assert_eq!((one.sessions.len(), one.matched), (1, 1));
    let limited = served
        .client
        .sessions(wanted(Some("unix:alice"), None, 1))
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
            .sessions(wanted(Some("unix:bob"), None, 1))
            .await
            .unwrap()
            .sessions
            .is_empty()
    );
    assert_eq!(
        code_of(served.client.sessions(wanted(None, None, 1_000_000)).await),
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
