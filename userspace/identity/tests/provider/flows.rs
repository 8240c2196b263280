//! People who sign in.

use secrecy::ExposeSecret as _;
use weir_identity::{
    SignInRefused,
    oidc::login::{self, IdToken, LoginError},
};

use crate::{evidence, now, offer, sign_ins, started};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_by_a_code_that_they_type_elsewhere() {
    let provider = started();
    let sign_ins = sign_ins(&provider);
    let offer = offer(&sign_ins);
    let IdToken { token, nonce } = login::device(&offer, |elsewhere| {
        let page = elsewhere.complete.as_ref().unwrap();
        provider.browser().open(page, "alice").unwrap();
    })
    .await
    .unwrap();
    assert_eq!(nonce, None);
    let evidence = evidence(token.expose_secret(), None);
    let person = sign_ins.verify(&evidence, 7, now()).await.unwrap();
    assert_eq!(person.id, format!("oidc:{}#alice", provider.issuer()));
    assert_eq!(person.aliases, ["alice@example.com"]);
    assert_eq!(person.groups, ["corp:ci"]);
    // What was stolen from the way there is of no use.
    let again = sign_ins.verify(&evidence, 7, now()).await;
    assert!(matches!(again, Err(SignInRefused::Used)), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_with_a_browser_that_comes_back_by_itself() {
    let provider = started();
    let sign_ins = sign_ins(&provider);
    let IdToken { token, nonce } = login::browser(&offer(&sign_ins), |url| {
        let (url, browser) = (url.to_string(), provider.browser());
        assert!(url.contains("code_challenge_method=S256"), "{url}");
        std::thread::spawn(move || browser.open(&url, "mallory").unwrap());
    })
    .await
    .unwrap();
    let nonce = nonce.unwrap();
    let token = token.expose_secret();
    // A token of another sign-in is none of this one's.
    for other in [None, Some("another")] {
        let refused = sign_ins.verify(&evidence(token, other), 7, now()).await;
        assert!(matches!(refused, Err(SignInRefused::Oidc(_))), "{other:?}");
    }
    let evidence = evidence(token, Some(&nonce));
    let person = sign_ins.verify(&evidence, 7, now()).await.unwrap();
    assert_eq!(person.id, format!("oidc:{}#mallory", provider.issuer()));
    assert!(person.aliases.is_empty(), "an address that nobody verified");
    assert_eq!(person.name.as_deref(), Some("mallory@example.com"));
}

#[tokio::test]
async fn a_provider_that_is_not_who_it_says_signs_nobody_in() {
    let provider = started();
    provider.set(r#"{"issuer": "http://127.0.0.1:9"}"#).unwrap();
    let offer = offer(&sign_ins(&provider));
    let refused = login::device(&offer, |_| panic!("nothing to show")).await;
    assert!(
        matches!(refused, Err(LoginError::Provider(_))),
        "{refused:?}"
    );
}
