//! Access over the API: who may ask, see and answer.

use std::{path::Path, sync::Arc};

use weir_identity::Person;

use super::Served;
use crate::{
    access::{AccessDesk, AccessRequest, Answer, Wanted},
    control::{AccessRequests, client::ClientError},
};

/// A desk with one template.
pub(super) fn desk(dir: &Path) -> AccessDesk {
    let source = weir_policy::Source {
        name: "a.cedar".into(),
        text: r#"@id("reads") @grantable("dba") permit
            (principal == ?principal, action == Weir::Action::"select", resource in ?resource);"#
            .into(),
    };
    let policies = weir_policy::Policies::load(&[source]).unwrap();
    let policies = tokio::sync::watch::Sender::new(Arc::new(policies)).subscribe();
    let targets = ["orders".to_owned()].into();
    let path = dir.join("access.jsonl");
    AccessDesk::open(
        &path,
        policies,
        targets,
        Arc::default(),
        jiff::Timestamp::now(),
    )
    .unwrap()
}

#[tokio::test]
async fn access_is_asked_for_by_people_and_granted_by_others() {
    let served = Served::start();
    let signed_in = |name: &str, groups: &[&str]| {
        let now = jiff::Timestamp::now();
        let person = Person {
            id: format!("oidc:https://login.example.com#{name}"),
            name: None,
            aliases: Vec::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            expires: now + std::time::Duration::from_secs(60),
        };
        let signed = served.daemon.0.people.sign_in(person, now).unwrap();
        served.client.clone().with_token(signed.token)
    };
    let (alice, bob) = (signed_in("alice", &["dba"]), signed_in("bob", &["dba"]));
    let eve = signed_in("eve", &[]);
    let wanted = |action: &str| Wanted {
        target: "orders".into(),
        actions: vec![action.into()],
        seconds: 600,
        reason: "INC-1".into(),
        subject: None,
    };
    let refused = |answer: Result<AccessRequest, ClientError>| match answer {
        Err(ClientError::Refused { code, help, .. }) => (code, help),
        other => panic!("{other:?}"),
    };
    let (code, help) = refused(alice.post("/v1/access", &wanted("drop")).await);
    assert_eq!(code, "not_grantable");
    assert_eq!(help.as_deref(), Some("what can be: reads (select)"));
    let asked: AccessRequest = alice.post("/v1/access", &wanted("select")).await.unwrap();
    let path = format!("/v1/access/{}/answer", asked.id);
    let (code, _) = refused(alice.post(&path, &Answer::Approve).await);
    assert_eq!(code, "oneself");
    let (code, _) = refused(eve.post(&path, &Answer::Approve).await);
    assert_eq!(code, "no_such_request");
    let listed: AccessRequests = bob.get("/v1/access").await.unwrap();
    assert_eq!(listed.requests, [asked]);
    let listed: AccessRequests = eve.get("/v1/access").await.unwrap();
    assert!(listed.requests.is_empty());
    let granted: AccessRequest = bob.post(&path, &Answer::Approve).await.unwrap();
    assert_eq!(granted.standing(jiff::Timestamp::now()), "granted");
    let (code, _) = refused(bob.post(&path, &Answer::Approve).await);
    assert_eq!(code, "not_now");
}
