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
    assert!(
        matches!(client.whoami().await, Err(ClientError::Refused { code, .. }) if code == "not_signed_in")
    );
}
