//! Signing in and out.

use weir_identity::Person;

use super::{
    super::{Providers, SignedIn, SignedOut, WhoAmI, client::ClientError},
    Served,
};

#[tokio::test]
async fn anybody_hears_by_what_to_sign_in_and_nobody_is_signed_in_for_nothing() {
    let served = Served::start();
    let found: Providers = served.client.get("/v1/providers").await.unwrap();
    assert_eq!(found.providers.len(), 1);
    assert_eq!(found.providers[0].name, "corp");
    let evidence = |provider: &str| weir_identity::Evidence::Oidc {
        provider: provider.into(),
        id_token: "a.b.c".into(),
        nonce: None,
    };
    for (provider, expected) in [("corp", "unverified"), ("other", "unknown_provider")] {
        let refused = served
            .client
            .post::<SignedIn>("/v1/sign-in", &evidence(provider))
            .await
            .map(drop);
        assert!(
            matches!(&refused, Err(ClientError::Refused { code, .. }) if code == expected),
            "{refused:?}"
        );
    }
    let audited = served.daemon.0.audited.lock().unwrap();
    assert_eq!(
        audited.len(),
        1,
        "of no provider nothing was looked at: {audited:?}"
    );
    assert_eq!(audited[0]["event"], "sign_in_failed");
    assert_eq!(audited[0]["subject"], "unix:root");
}

#[tokio::test]
async fn a_sign_in_ends_when_its_person_says_so() {
    let served = Served::start();
    let now = jiff::Timestamp::now();
    let person = Person {
        id: "oidc:https://login.example.com#1".into(),
        name: None,
        aliases: Vec::new(),
        groups: Vec::new(),
        expires: now + std::time::Duration::from_secs(60),
    };
    let signed = served.daemon.0.people.sign_in(person, now).unwrap();
    let client = served.client.clone().with_token(signed.token);
    assert!(matches!(client.whoami().await, Ok(WhoAmI::Person { .. })));
    let out: SignedOut = client.post("/v1/sign-out", &()).await.unwrap();
    assert!(out.signed_out);
    let audited = served.daemon.0.audited.lock().unwrap().pop().unwrap();
    assert_eq!(audited["event"], "signed_out");
    assert_eq!(audited["subject"], "oidc:https://login.example.com#1");
    assert!(
        matches!(client.whoami().await, Err(ClientError::Refused { code, .. }) if code == "not_signed_in")
    );
}

#[tokio::test]
async fn who_revoked_a_workload_s_identity_is_on_the_audit_log() {
    let served = Served::start();
    for (what, event) in [
        ("revoke", "identity_revoked"),
        ("restore", "identity_restored"),
    ] {
        served.client.change_identity("ci-bot", what).await.unwrap();
        let audited = served.daemon.0.audited.lock().unwrap().pop().unwrap();
        assert_eq!(audited["event"], event);
        assert_eq!(
            (&audited["identity"], &audited["by"]),
            (&"ci-bot".into(), &"unix:root".into())
        );
    }
    served
        .client
        .change_identity("nobody", "revoke")
        .await
        .unwrap_err();
    assert!(served.daemon.0.audited.lock().unwrap().is_empty());
}
