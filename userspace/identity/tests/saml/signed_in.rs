//! What is taken.

use std::time::Duration;

use jiff::Timestamp;
use weir_identity::saml::{Refused, ServiceProvider};

use crate::provider::{ENTITY, World, settings, take};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_person_signs_in_with_groups_by_a_signed_assertion() {
    let world = World::new(|_| {});
    let answer = world.answer("alice");
    let now = Timestamp::now();
    let alice = world.take_at(&answer, now).unwrap();
    let provider = world.provider.entity_id();
    assert_eq!(alice.id, format!("saml:{provider}#alice@example.com"));
    assert_eq!(alice.name.as_deref(), Some("alice"));
    assert_eq!(alice.aliases, ["alice@example.com"]);
    assert_eq!(alice.groups, ["corp:dba-oncall", "corp:staff"]);
    assert!(alice.expires <= now + HOUR && alice.expires > now);
    // The same again, and what was used for it.
    assert_eq!(world.take(&answer), Err(Refused::UnknownRequest));
}

#[test]
fn a_signed_response_does_as_well_and_so_do_both() {
    for assertion_too in [false, true] {
        let world = World::new(|service| {
            service.sign_response = true;
            service.sign_assertion = assertion_too;
        });
        let answer = world.answer("bob");
        let signatures = answer.xml.matches("<ds:Signature ").count();
        assert_eq!(signatures, 1 + usize::from(assertion_too));
        assert_eq!(world.take(&answer).unwrap().groups, ["corp:staff"]);
    }
}

#[test]
fn sha_512_is_taken_and_sha_1_is_not() {
    for (algorithm, is_taken) in [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", true),
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", false),
    ] {
        let world = World::new(|service| service.algorithm = algorithm);
        let taken = world.take(&world.answer("alice"));
        assert_eq!(taken.is_ok(), is_taken, "{taken:?}");
        assert!(is_taken || matches!(taken, Err(Refused::Algorithm { .. })));
    }
}

#[test]
fn an_unsigned_assertion_is_refused() {
    let world = World::new(|service| service.sign_assertion = false);
    assert_eq!(world.take(&world.answer("alice")), Err(Refused::Unsigned));
}

#[test]
fn an_encrypted_assertion_is_refused_in_so_many_words() {
    let world = World::new(|service| service.encrypt = true);
    let refused = world.take(&world.answer("alice")).unwrap_err();
    assert_eq!(refused, Refused::Encrypted("assertion"));
    assert!(refused.to_string().contains("turn encryption off"));
}

#[test]
fn a_passing_name_is_refused_unless_another_is_declared() {
    let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    let world = World::new(|service| service.name_id = format);
    let answer = world.answer("alice");
    assert_eq!(world.take(&answer), Err(Refused::Transient));

    let mut settings = settings(&world.provider);
    settings.attributes.id = Some("uid".into());
    let us = ServiceProvider::new(settings);
    let begun = us.begin(Timestamp::now()).unwrap();
    let posted = world.provider.sign_in(begun.url.as_str(), "alice").unwrap();
    let alice = us.verify(&begun.request, &posted.response, Timestamp::now());
    assert!(alice.unwrap().id.ends_with("#alice"));
}

#[test]
fn an_answer_is_for_its_request_its_service_and_its_time() {
    let world = World::new(|_| {});
    let answer = world.answer("alice");
    let now = Timestamp::now();

    // Another request of ours, and one that was never made.
    let other = world.us.begin(now).unwrap().request;
    for (request, refused) in [
        (other, Refused::NotOurs),
        ("_made-up".to_owned(), Refused::UnknownRequest),
    ] {
        let answer = crate::provider::Answer {
            request,
            xml: answer.xml.clone(),
        };
        assert_eq!(world.take(&answer), Err(refused));
    }

    // The clock is beyond what the provider allows, either way.
    let early = world.take_at(&answer, now - Duration::from_secs(200));
    assert!(matches!(early, Err(Refused::Early { .. })), "{early:?}");
    let late = world.take_at(&answer, now + Duration::from_secs(420));
    assert!(matches!(late, Err(Refused::Late { .. })), "{late:?}");
    let over = world.take_at(&answer, now + HOUR);
    assert_eq!(over, Err(Refused::UnknownRequest));

    // Refusals use nothing up.
    assert!(world.take_at(&answer, now).is_ok());
}

#[test]
fn an_answer_for_another_service_or_address_or_of_another_provider_is_refused() {
    let world = World::new(|_| {});
    // The provider knows the service under its name; ours has another, or listens elsewhere, or
    // was told of another provider or key. Requests are made to match, so that only that differs.
    let refused = |change: &dyn Fn(&mut weir_identity::saml::Settings)| {
        let mut changed = settings(&world.provider);
        change(&mut changed);
        let us = ServiceProvider::new(changed);
        let begun = us.begin(Timestamp::now()).unwrap();
        let answer = answer_to(&world, &begun.request);
        take(&us, &answer, Timestamp::now()).unwrap_err()
    };
    let audience = refused(&|settings| settings.entity_id = format!("{ENTITY}/other"));
    assert!(matches!(audience, Refused::Audience { .. }), "{audience:?}");
    let elsewhere = "http://127.0.0.1:47111/acs";
    let recipient = refused(&|settings| settings.consumer = elsewhere.parse().unwrap());
    assert!(
        matches!(recipient, Refused::Recipient { .. }),
        "{recipient:?}"
    );

    let other = World::new(|_| {});
    let foreign = refused(&|settings| {
        // Its name and address, another's key.
        let metadata = other.provider.metadata().unwrap();
        let metadata = metadata.replace(&other.provider.entity_id(), &world.provider.entity_id());
        settings.identity_provider =
            weir_identity::saml::IdentityProvider::from_metadata(&metadata).unwrap();
    });
    assert_eq!(foreign, Refused::BadSignature);
    let issuer = refused(&|settings| {
        // Its key and address, another's name.
        let metadata = world.provider.metadata().unwrap();
        let metadata = metadata.replace("entityID=\"", "entityID=\"urn:other:");
        settings.identity_provider =
            weir_identity::saml::IdentityProvider::from_metadata(&metadata).unwrap();
    });
    assert!(matches!(issuer, Refused::Issuer { .. }), "{issuer:?}");
}

/// The provider's answer to a request with this id, made by the service that it knows.
fn answer_to(world: &World, request: &str) -> crate::provider::Answer {
    let begun = world.us.begin(Timestamp::now()).unwrap();
    let url = rewritten(&begun.url, &begun.request, request);
    let posted = world.provider.sign_in(&url, "alice").unwrap();
    crate::provider::Answer::decoded(request, &posted.response)
}

/// The same request under another id.
fn rewritten(url: &openidconnect::url::Url, from: &str, to: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let (_, request) = url
        .query_pairs()
        .find(|(key, _)| key == "SAMLRequest")
        .unwrap();
    let stream = STANDARD.decode(request.as_bytes()).unwrap();
    // Ids are of one length, so the stored block stays right.
    assert_eq!(from.len(), to.len());
    let at = stream
        .windows(from.len())
        .position(|part| part == from.as_bytes());
    let mut changed = stream;
    changed[at.unwrap()..][..to.len()].copy_from_slice(to.as_bytes());
    let mut url = url.clone();
    url.query_pairs_mut()
        .clear()
        .append_pair("SAMLRequest", &STANDARD.encode(changed));
    url.into()
}
