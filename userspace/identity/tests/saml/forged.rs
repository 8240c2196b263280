//! A genuine answer, changed.

use weir_identity::saml::Refused;

use crate::provider::World;

#[test]
fn whatever_is_changed_in_a_signed_assertion_is_noticed() {
    let world = World::new(|_| {});
    let answer = world.answer("bob");
    for (from, to) in [
        ("bob@example.com", "alice@example.com"),
        (">staff<", ">dba-oncall<"),
        (
            "<saml:Audience>",
            "<saml:Audience>https://other.test/</saml:Audience><saml:Audience>",
        ),
        ("NotOnOrAfter=\"20", "NotOnOrAfter=\"21"),
        ("<saml:AttributeValue", "<saml:AttributeValue x=\"\""),
    ] {
        let refused = world.take(&answer.with(from, to));
        assert_eq!(refused, Err(Refused::BadSignature), "{from}");
    }
    // What isn't signed may only take away.
    for (from, to) in [
        ("status:Success", "status:Requester"),
        ("Destination=\"http:", "Destination=\"https:"),
        (
            "Version=\"2.0\" IssueInstant",
            "Version=\"1.1\" IssueInstant",
        ),
    ] {
        assert!(world.take(&answer.with(from, to)).is_err(), "{from}");
    }
    // That it was well before.
    assert!(world.take(&answer).is_ok());
}

#[test]
fn a_signature_that_was_taken_out_or_says_other_methods_is_refused() {
    let world = World::new(|_| {});
    let answer = world.answer("bob");
    let signature = answer.part("<ds:Signature ", "</ds:Signature>").to_owned();
    assert_eq!(
        world.take(&answer.with(&signature, "")),
        Err(Refused::Unsigned)
    );

    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let rsa = &format!("{more}rsa-sha256");
    // A public key taken for a shared secret, none at all, and those that are too weak.
    for other in [
        &format!("{more}hmac-sha256"),
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "none",
        "",
    ] {
        let refused = world.take(&answer.with(rsa, other));
        assert!(
            matches!(refused, Err(Refused::Algorithm { .. })),
            "{refused:?}"
        );
    }
    let other_kind = world.take(&answer.with(rsa, &format!("{more}ecdsa-sha256")));
    assert_eq!(other_kind, Err(Refused::BadSignature));

    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    for (from, to) in [
        (exclusive, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        (exclusive, &format!("{exclusive}WithComments")),
        (enveloped, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        (enveloped, "http://www.w3.org/TR/1999/REC-xpath-19991116"),
        (sha256, "http://www.w3.org/2000/09/xmldsig#sha1"),
        ("Reference URI=\"#", "Reference URI=\"file:///etc/passwd#"),
        ("Reference URI=\"#", "Reference URI=\"cid:"),
        ("Reference URI=\"#", "Reference Type=\"x\" U=\"#"),
        ("<ds:KeyInfo>", "<ds:Object/><ds:KeyInfo>"),
        (
            "</ds:SignedInfo>",
            "<ds:Reference URI=\"\"/></ds:SignedInfo>",
        ),
    ] {
        let refused = world.take(&answer.with(from, to));
        let shape = matches!(
            refused,
            Err(Refused::Algorithm { .. } | Refused::SignatureShape(_) | Refused::Shape(_))
        );
        assert!(shape, "{to}: {refused:?}");
    }
}

#[test]
fn the_key_in_the_message_is_not_looked_at() {
    let (world, other) = (World::new(|_| {}), World::new(|_| {}));
    // Signed by a provider of the forger's own, which says that it is ours, and brings its key.
    let begun = world.us.begin(jiff::Timestamp::now()).unwrap();
    let answer = other.answer("alice");
    let forged = answer
        .with(&other.provider.entity_id(), &world.provider.entity_id())
        .with(&answer.request, &begun.request);
    let forged = crate::provider::Answer {
        request: begun.request,
        xml: forged.xml,
    };
    assert!(forged.xml.contains("<ds:X509Certificate>"));
    assert_eq!(world.take(&forged), Err(Refused::BadSignature));
}

#[test]
fn text_is_never_read_in_parts() {
    let world = World::new(|_| {});
    let answer = world.answer("bob");
    // Canonicalisation drops what is put in here, so the signature would still hold.
    for inserted in ["<!---->", "<?x?>"] {
        let cut = format!("bob@example.com{inserted}.evil.test");
        let refused = world.take(&answer.with("bob@example.com", &cut));
        assert!(matches!(refused, Err(Refused::Exotic(_))), "{refused:?}");
        let within = format!("b{inserted}ob@example.com");
        let refused = world.take(&answer.with("bob@example.com", &within));
        assert!(matches!(refused, Err(Refused::Exotic(_))), "{refused:?}");
    }
    // Written in another way it is the same text, to the signature and to us.
    let odd = answer.with(">bob@example.com<", "><![CDATA[bob@]]>example&#46;com<");
    let bob = world.take(&odd).unwrap();
    assert!(bob.id.ends_with("#bob@example.com"), "{}", bob.id);
    assert_eq!(bob.aliases, ["bob@example.com"]);
}

#[test]
fn what_is_no_response_costs_little() {
    let world = World::new(|_| {});
    let answer = world.answer("bob");
    let doctype = "<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
    let many = "x=\"\" ".repeat(200);
    for xml in [
        format!(
            "{doctype}{}",
            answer.xml.replace("<?xml version=\"1.0\"?>", "")
        ),
        answer.xml.replace("bob@example.com", "&e;"),
        "<a>".repeat(1000),
        format!("<a>{}</a>", "<b/>".repeat(10_000)),
        format!("<a {many}/>"),
        String::new(),
        "<".into(),
        "\u{feff}".into(),
    ] {
        let refused = world.take(&answer.said(xml));
        assert!(
            matches!(refused, Err(Refused::NotXml(_) | Refused::Shape(_))),
            "{refused:?}"
        );
    }
    let long = world.take(&answer.said(format!("<a>{}</a>", "x".repeat(256 * 1024))));
    assert!(matches!(long, Err(Refused::TooLarge { .. })), "{long:?}");
    let now = jiff::Timestamp::now();
    for text in ["%", "////", "\u{fc}"] {
        let refused = world.us.verify(&answer.request, text, now);
        assert_eq!(refused, Err(Refused::NotText), "{text}");
    }
}
