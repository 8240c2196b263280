//! ID tokens and providers as an attacker makes them.

use jiff::ToSpan as _;
use weir_identity::{SignInRefused, SignIns};

use crate::{evidence, now, sign_ins, started};

/// What a sign-in with this token comes to.
async fn tried(sign_ins: &SignIns, token: &str) -> Result<String, String> {
    // Another user each time: how often one may try is held elsewhere.
    use std::sync::atomic::{AtomicU32, Ordering};
    static UID: AtomicU32 = AtomicU32::new(1000);
    let uid = UID.fetch_add(1, Ordering::Relaxed);
    let tried = sign_ins.verify(&evidence(token, None), uid, now()).await;
    tried.map(|person| person.id).map_err(|refused| {
        assert!(matches!(refused, SignInRefused::Oidc(_)), "{refused}");
        refused.to_string()
    })
}

const ID: &str = r#""header": {"typ": "JWT"}"#;

#[tokio::test]
async fn what_no_honest_provider_signs_is_refused_each_for_its_reason() {
    let provider = started();
    let sign_ins = sign_ins(&provider);
    let honest = provider.sign(&format!(r#"{{{ID}, "claims": {{"aud": "weir"}}}}"#));
    assert!(tried(&sign_ins, &honest.unwrap()).await.is_ok());
    let at = |span: i64| now().as_second() + span;
    let cases = [
        (r#""how": "another""#.to_owned(), "signature does not hold"),
        (
            r#""header": {"alg": "none"}, "how": "none""#.into(),
            "signed with none",
        ),
        (
            r#""header": {"alg": "HS256"}, "how": "confused""#.into(),
            "signed with HS256",
        ),
        (r#""how": "confused""#.into(), "signature does not hold"),
        (r#""how": "none""#.into(), "signature does not hold"),
        (r#""header": {"typ": "at+jwt"}"#.into(), "type is at+jwt"),
        (
            r#""header": {"typ": "JWT", "crit": ["x"]}"#.into(),
            "critical",
        ),
        (
            r#""claims": {"aud": "another"}"#.into(),
            "meant for another",
        ),
        (
            r#""claims": {"aud": ["weir", "another"]}"#.into(),
            "another client",
        ),
        (
            r#""claims": {"aud": "weir", "azp": "another"}"#.into(),
            "another client",
        ),
        (
            r#""claims": {"aud": "weir", "iss": "http://127.0.0.1:9"}"#.into(),
            "issued by",
        ),
        (
            r#""claims": {"aud": "weir", "nonce": "x"}"#.into(),
            "another sign-in",
        ),
        (r#""claims": {"aud": "weir", "sub": null}"#.into(), "`sub`"),
        (r#""claims": {"aud": "weir", "iat": null}"#.into(), "`iat`"),
        (
            r#""claims": {"aud": "weir", "groups": {"a": 1}}"#.into(),
            "neither a text",
        ),
        (
            format!(r#""claims": {{"aud": "weir", "exp": {}}}"#, at(-5)),
            "expired",
        ),
        (
            format!(r#""claims": {{"aud": "weir", "nbf": {}}}"#, at(60)),
            "good from",
        ),
        (
            format!(r#""claims": {{"aud": "weir", "iat": {}}}"#, at(-3600)),
            "too long ago",
        ),
    ];
    for (case, expected) in cases {
        let mut asked = case.clone();
        for default in [ID, r#""claims": {"aud": "weir"}"#] {
            let (member, _) = default.split_once(':').unwrap();
            if !asked.contains(member) {
                asked.push_str(&format!(", {default}"));
            }
        }
        let token = provider.sign(&format!("{{{asked}}}")).unwrap();
        let why = tried(&sign_ins, &token).await.unwrap_err();
        assert!(why.contains(expected), "{case}: {why}");
    }
    let stripped = {
        let token = provider.sign(&format!(r#"{{{ID}, "claims": {{"aud": "weir"}}}}"#));
        let token = token.unwrap();
        token.rsplit_once('.').unwrap().0.to_owned()
    };
    assert!(tried(&sign_ins, &stripped).await.is_err());
}

#[tokio::test]
async fn a_provider_that_lies_sends_elsewhere_or_floods_is_not_believed() {
    for (state, expected) in [
        (r#"{"issuer": "http://127.0.0.1:9"}"#, "unexpected issuer"),
        (r#"{"redirect": "http://127.0.0.1:9/"}"#, "302"),
        (r#"{"oversized": true}"#, "more than"),
    ] {
        let provider = started();
        provider.set(state).unwrap();
        let token = provider.sign(&format!(r#"{{{ID}, "claims": {{"aud": "weir"}}}}"#));
        let why = tried(&sign_ins(&provider), &token.unwrap()).await;
        let why = why.unwrap_err();
        assert!(why.contains(expected), "{state}: {why}");
    }
}

#[tokio::test]
async fn a_new_key_is_taken_and_names_of_keys_don_t_flood_the_provider() {
    let provider = started();
    let sign_ins = sign_ins(&provider);
    let token = |kid: &str| {
        let header = format!(r#"{{"typ": "JWT"{kid}}}"#);
        let asked = format!(r#"{{"header": {header}, "claims": {{"aud": "weir"}}}}"#);
        provider.sign(&asked).unwrap()
    };
    let old = token("");
    assert!(tried(&sign_ins, &old).await.is_ok());
    for i in 0..50 {
        let why = tried(&sign_ins, &token(&format!(r#", "kid": "k{i}""#))).await;
        assert!(why.unwrap_err().contains("no key of the provider"));
    }
    let asked = |state: &str| -> u64 {
        let state: serde_json::Value = serde_json::from_str(state).unwrap();
        state["counts"]["/jwks"].as_u64().unwrap_or(0)
    };
    let count = asked(&provider.set("{}").unwrap());
    assert!(count <= 2, "the provider was asked {count} times");
    provider.rotate().unwrap();
    // As if a while had passed.
    let later = now() + 11.seconds();
    let fresh = evidence(&token(""), None);
    assert!(sign_ins.verify(&fresh, 7, later).await.is_ok());
    let old = evidence(&old, None);
    assert!(sign_ins.verify(&old, 8, later).await.is_err());
}
