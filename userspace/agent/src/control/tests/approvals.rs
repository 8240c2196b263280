//! What waits for people, over the socket.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use weir_identity::Person;
use weir_policy::{Subject, Target};

use super::{Served, code_of, start};
use crate::{
    approve::{
        Asked, Change, Desk, Hold, Settlement,
        tests::{ask, question},
    },
    control::{
        Approve, Deny, For, SignedOut,
        client::{Client, ClientError},
    },
};
use weir_record::{SessionWriter, Settled};

struct Waits {
    hold: Hold,
    _desk: Desk,
}

/// Something of alice's that waits for these.
fn waits(served: &Served, random: u32, approvers: &str) -> Waits {
    let subject = Subject {
        id: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: Some("carol@example.com".into()),
    };
    let target = Target {
        name: "orders".into(),
        protocol: "postgres".into(),
        database: "shop".into(),
    };
    let start = start(random, "orders");
    let record = SessionWriter::create(&served.daemon.0.records, &start).unwrap();
    let desk = Desk::new(served.daemon.0.approvals.clone(), &start);
    let ask = ask(approvers, &subject, &target);
    let text = Bytes::from_static(b"DELETE FROM refunds");
    let asked = desk.ask(&question(&ask, record.next(), (&subject, &target), &text));
    match asked.unwrap() {
        Asked::Held(hold) => Waits { hold, _desk: desk },
        Asked::Granted(_) => panic!("nobody said yes yet"),
    }
}

fn as_person(served: &Served, name: &str, groups: &[&str]) -> Client {
    let person = Person {
        id: format!("oidc:https://id.example#{name}"),
        name: Some(name.into()),
        aliases: vec![format!("{name}@example.com")],
        groups: groups.iter().map(|group| (*group).into()).collect(),
        expires: Timestamp::now() + SignedDuration::from_mins(5),
    };
    let signed = served.daemon.0.people.sign_in(person, Timestamp::now());
    served.client.clone().with_token(signed.unwrap().token)
}

async fn yes(client: &Client, id: &str) -> Result<crate::approve::Request, ClientError> {
    let hash = client.approval(id).await?.hash;
    let yes = Approve {
        hash,
        scope: For::Once,
        minutes: None,
        reason: None,
    };
    client.approve(id, &yes).await
}

async fn settled(mut waits: Waits) -> Settlement {
    waits.hold.wait().await
}

#[tokio::test]
async fn people_see_and_answer_what_names_them_and_nothing_else() {
    let served = Served::start();
    let waits = waits(&served, 1, "@approvers(\"dba\")");
    let id = waits.hold.id().to_owned();
    let bob = as_person(&served, "bob", &["dba"]);
    let eve = as_person(&served, "eve", &["web"]);

    assert!(eve.approvals("all").await.unwrap().requests.is_empty());
    assert_eq!(code_of(eve.approval(&id).await), "no_such_request");
    assert_eq!(code_of(yes(&eve, &id).await), "no_such_request");
    // An operator sees it; answering is for whom the policy names.
    assert_eq!(
        served
            .client
            .approvals("pending")
            .await
            .unwrap()
            .requests
            .len(),
        1
    );
    assert_eq!(code_of(yes(&served.client, &id).await), "not_yours");

    let seen = bob.approval(&id).await.unwrap();
    assert_eq!(
        (seen.state(), seen.command.as_str()),
        ("pending", "DELETE FROM refunds")
    );
    let answered = yes(&bob, &id).await.unwrap();
    assert_eq!(
        (answered.state(), answered.answers[0].by.as_str()),
        ("approved", "oidc:https://id.example#bob")
    );
    assert_eq!(settled(waits).await.how, Settled::Approved);
    assert_eq!(code_of(yes(&bob, &id).await), "settled");
}

#[tokio::test]
async fn the_person_it_is_for_can_t_approve_it() {
    let served = Served::start();
    let waits = waits(&served, 1, "@approvers(\"dba\")");
    let id = waits.hold.id().to_owned();
    let carol = as_person(&served, "carol", &["dba"]);
    assert_eq!(code_of(yes(&carol, &id).await), "not_yours");
    assert_eq!(carol.approval(&id).await.unwrap().state(), "pending");
}

#[tokio::test]
async fn a_yes_to_something_else_and_an_unknown_key_are_refused() {
    let served = Served::start();
    let waits = waits(&served, 1, "");
    let other = self::waits(&served, 2, "");
    let id = waits.hold.id();
    let hash = served.client.approval(other.hold.id()).await.unwrap().hash;
    let wrong = Approve {
        hash,
        scope: For::Once,
        minutes: None,
        reason: None,
    };
    assert_eq!(code_of(served.client.approve(id, &wrong).await), "changed");
    let path = format!("/v1/approvals/{}/approve", id.replace('#', "%23"));
    for body in [
        serde_json::json!({"hash": "x", "scope": "for ever"}),
        serde_json::json!({"hash": "x", "until": "tomorrow"}),
        serde_json::json!({"hash": "x", "scope": "session", "minutes": 3}),
    ] {
        let answer = served
            .client
            .post::<crate::approve::Request>(&path, &body)
            .await;
        assert!(["bad_body"].contains(&code_of(answer).as_str()));
    }
    assert_eq!(served.client.approval(id).await.unwrap().state(), "pending");
    yes(&served.client, id).await.unwrap();
    assert_eq!(settled(waits).await.how, Settled::Approved);
}

#[tokio::test]
async fn a_no_has_a_reason_and_ends_it() {
    let served = Served::start();
    let waits = waits(&served, 1, "");
    let id = waits.hold.id().to_owned();
    let hash = served.client.approval(&id).await.unwrap().hash;
    let no = |reason: &str| Deny {
        hash: hash.clone(),
        reason: reason.into(),
    };
    assert_eq!(
        code_of(served.client.deny(&id, &no(" ")).await),
        "bad_answer"
    );
    served.client.deny(&id, &no("not today")).await.unwrap();
    let settlement = settled(waits).await;
    assert_eq!(settlement.how, Settled::Denied);
    assert!(settlement.answers.is_empty());
    assert_eq!(settlement.given[0].reason.as_deref(), Some("not today"));
}

#[tokio::test]
async fn a_watcher_who_signs_out_hears_no_more() {
    let served = Served::start();
    let bob = as_person(&served, "bob", &["dba"]);
    let watcher = bob.clone();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let first = waits(&served, 1, "@approvers(\"dba\")");
    let watching = tokio::spawn(async move {
        let watched = watcher.watch_approvals::<ClientError>(|_| {
            sender.send(()).unwrap();
            Ok(())
        });
        watched.await.unwrap();
    });
    heard.recv().await.unwrap();
    bob.post::<SignedOut>("/v1/sign-out", &()).await.unwrap();
    drop(first);
    watching.await.unwrap();
    assert!(heard.recv().await.is_none());
}

#[tokio::test]
async fn a_watcher_is_told_what_waits_and_what_happens() {
    let served = Served::start();
    let waits = waits(&served, 1, "@approvers(\"dba\")");
    let id = waits.hold.id().to_owned();
    let (bob, eve) = (
        as_person(&served, "bob", &["dba"]),
        as_person(&served, "eve", &[]),
    );
    let blind = tokio::spawn(async move {
        let mut told = 0;
        let ended = eve.watch_approvals::<ClientError>(|_| {
            told += 1;
            Ok(())
        });
        ended.await.unwrap();
        told
    });
    let watcher = bob.clone();
    let (first, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let told = tokio::spawn(async move {
        let ended = watcher.watch_approvals::<ClientError>(|line| {
            let change: Change = serde_json::from_slice(line).unwrap();
            first.send((change.event, change.request.state())).unwrap();
            Ok(())
        });
        ended.await.unwrap();
    });
    assert_eq!(
        heard.recv().await.unwrap(),
        ("pending".to_owned(), "pending")
    );
    yes(&bob, &id).await.unwrap();
    assert_eq!(
        heard.recv().await.unwrap(),
        ("answered".to_owned(), "pending")
    );
    assert_eq!(
        heard.recv().await.unwrap(),
        ("settled".to_owned(), "approved")
    );
    // The stream ends when weir does.
    served.daemon.0.approvals.close();
    told.await.unwrap();
    assert_eq!(blind.await.unwrap(), 0, "nothing of it is eve's to see");
    drop(waits);
}
