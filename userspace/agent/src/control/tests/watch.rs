//! Sessions followed as they go on.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use weir_record::{End, Event, SessionWriter};

use super::{
    super::{Told, What, client::ClientError},
    Served, code_of,
    sessions::refused,
    start,
};

/// What a watcher is told, as it is told.
fn watching(served: &Served, id: Option<String>) -> mpsc::UnboundedReceiver<Told> {
    let (sender, told) = mpsc::unbounded_channel();
    let client = served.client.clone();
    tokio::spawn(async move {
        let watched = client.watch(id.as_deref(), |one| {
            Ok::<_, ClientError>(sender.send(one).is_ok())
        });
        watched.await.unwrap();
    });
    told
}

async fn next(told: &mut mpsc::UnboundedReceiver<Told>) -> Option<Event> {
    let next = timeout(Duration::from_secs(20), told.recv()).await;
    next.expect("nothing was told").map(|told| match told.what {
        What::Event(event) => event,
        other => panic!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_told_from_its_start_and_then_as_it_goes_on_to_its_end() {
    let served = Served::start();
    let begun = start(1, "orders");
    let mut live = SessionWriter::create(&served.daemon.0.records, &begun).unwrap();
    served.daemon.0.live.lock().unwrap().push(begun.id);
    refused(&mut live, "DROP TABLE a");
    let mut told = watching(&served, Some(begun.id.to_string()));
    assert_eq!(next(&mut told).await, Some(Event::Start(begun.clone())));
    let first = next(&mut told).await;
    assert!(matches!(first, Some(Event::Intent(one)) if one.text == "DROP TABLE a"));
    refused(&mut live, "DROP TABLE b");
    let second = next(&mut told).await;
    assert!(matches!(second, Some(Event::Intent(one)) if one.text == "DROP TABLE b"));
    live.end(&End::Closed).unwrap();
    assert_eq!(next(&mut told).await, Some(Event::End(End::Closed)));
    assert_eq!(next(&mut told).await, None, "it is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_live_sessions_are_told_from_now_on() {
    let served = Served::start();
    let records = &served.daemon.0.records;
    let (one, other) = (start(1, "orders"), start(2, "people"));
    let mut first = SessionWriter::create(records, &one).unwrap();
    refused(&mut first, "before");
    served.daemon.0.live.lock().unwrap().push(one.id);
    let mut told = watching(&served, None);
    assert_eq!(next(&mut told).await, Some(Event::Start(one)));
    // Its start is told in the same look that passes over the rest.
    sleep(Duration::from_millis(1)).await;
    refused(&mut first, "since");
    let since = next(&mut told).await;
    assert!(matches!(since, Some(Event::Intent(one)) if one.text == "since"));
    let mut second = SessionWriter::create(records, &other).unwrap();
    refused(&mut second, "its first");
    served.daemon.0.live.lock().unwrap().push(other.id);
    assert_eq!(next(&mut told).await, Some(Event::Start(other)));
    let its_first = next(&mut told).await;
    assert!(matches!(its_first, Some(Event::Intent(one)) if one.text == "its first"));
    first.end(&End::Closed).unwrap();
    assert_eq!(next(&mut told).await, Some(Event::End(End::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_will_not_go_on_is_told_and_left() {
    let served = Served::start();
    let begun = start(1, "orders");
    drop(SessionWriter::create(&served.daemon.0.records, &begun).unwrap());
    let mut told = watching(&served, Some(begun.id.to_string()));
    assert_eq!(next(&mut told).await, Some(Event::Start(begun)));
    assert_eq!(next(&mut told).await, None, "nobody writes it any more");
    let none = served
        .client
        .watch(Some("zz"), |_| Ok::<_, ClientError>(true))
        .await;
    assert_eq!(code_of(none), "no_such_session");
}
