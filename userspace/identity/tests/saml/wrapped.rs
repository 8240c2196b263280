//! Signature wrapping: the genuine, signed element somewhere in a document of the forger's making
//! (Somorovsky et al., "On Breaking SAML", 2012, and the shapes that tools number XSW 1 to 8).

use weir_identity::saml::Refused;

use crate::provider::{Answer, World};

const ALICE: (&str, &str) = ("bob@example.com", "alice@example.com");

/// The pieces that a forger has.
struct Pieces {
    /// From the document's beginning up to what was signed.
    before: String,
    /// What was signed, whole.
    genuine: String,
    /// The same without its signature.
    bare: String,
    signature: String,
    /// What comes after it.
    after: String,
    id: String,
}

fn pieces(answer: &Answer, element: &str) -> Pieces {
    let start = answer.xml.find(&format!("<{element} ")).unwrap();
    let close = format!("</{element}>");
    let end = answer.xml.rfind(&close).unwrap() + close.len();
    let genuine = answer.xml[start..end].to_owned();
    let signature = answer.part("<ds:Signature ", "</ds:Signature>").to_owned();
    let (_, id) = genuine.split_once("ID=\"").unwrap();
    Pieces {
        before: answer.xml[..start].to_owned(),
        bare: genuine.replace(&signature, ""),
        id: id.split('"').next().unwrap().to_owned(),
        after: answer.xml[end..].to_owned(),
        genuine,
        signature,
    }
}

impl Pieces {
    /// The forger's own element, under another id, with what is given in place of the signature.
    fn evil(&self, inside: &str) -> String {
        self.genuine
            .replace(&self.signature, inside)
            .replace(ALICE.0, ALICE.1)
            .replacen(&self.id, "_evil", 1)
    }

    /// As above, under the genuine one's id.
    fn evil_twin(&self, inside: &str) -> String {
        self.evil(inside).replacen("_evil", &self.id, 1)
    }

    fn signature_with(&self, object: &str) -> String {
        let object = format!("<ds:Object>{object}</ds:Object></ds:Signature>");
        self.signature.replace("</ds:Signature>", &object)
    }
}

fn all_refused(world: &World, answer: &Answer, forgeries: &[(&str, String)]) {
    for (name, xml) in forgeries {
        assert!(xml.contains(ALICE.1), "{name} forges nothing");
        let taken = world.take(&answer.said(xml.clone()));
        assert!(
            matches!(taken, Err(Refused::Shape(_) | Refused::SignatureShape(_))),
            "{name}: {taken:?}"
        );
    }
    // Untouched, it is taken: what was refused was refused for the forgery.
    assert!(world.take(answer).is_ok());
}

#[test]
fn a_signed_assertion_vouches_for_no_other() {
    let world = World::new(|_| {});
    let answer = world.answer("bob");
    let p = pieces(&answer, "saml:Assertion");
    let whole = |inner: String| format!("{}{inner}{}", p.before, p.after);
    let extension = |inner: &str| format!("<samlp:Extensions>{inner}</samlp:Extensions>");
    let nested = |evil: String, inner: &str| {
        evil.replace("</saml:Assertion>", &format!("{inner}</saml:Assertion>"))
    };
    let forgeries = [
        (
            "3: before the genuine",
            whole(format!("{}{}", p.evil(""), p.genuine)),
        ),
        (
            "after the genuine",
            whole(format!("{}{}", p.genuine, p.evil(""))),
        ),
        (
            "4: around the genuine",
            whole(nested(p.evil(""), &p.genuine)),
        ),
        (
            "5: signature moved, genuine behind",
            whole(format!("{}{}", p.evil(&p.signature), p.bare)),
        ),
        (
            "6: genuine in the signature",
            whole(p.evil(&p.signature_with(&p.bare))),
        ),
        (
            "7: evil in extensions",
            whole(format!("{}{}", extension(&p.evil("")), p.genuine)),
        ),
        (
            "genuine in extensions",
            whole(format!("{}{}", extension(&p.genuine), p.evil(""))),
        ),
        (
            "8: genuine in an object",
            whole(p.evil(&p.signature_with(&p.genuine))),
        ),
        (
            "genuine in advice",
            whole(nested(
                p.evil(""),
                &format!("<saml:Advice>{}</saml:Advice>", p.genuine),
            )),
        ),
        (
            "twins, evil first",
            whole(format!("{}{}", p.evil_twin(""), p.genuine)),
        ),
        (
            "twins, evil signed",
            whole(format!(
                "{}{}",
                extension(&p.bare),
                p.evil_twin(&p.signature)
            )),
        ),
        (
            "signature beside",
            whole(format!("{}{}", p.signature, p.evil(""))),
        ),
        (
            "genuine in the status",
            whole(p.evil(&p.signature)).replace(
                "</samlp:Status>",
                &format!(
                    "<samlp:StatusDetail>{}</samlp:StatusDetail></samlp:Status>",
                    p.bare
                ),
            ),
        ),
    ];
    all_refused(&world, &answer, &forgeries);
}

#[test]
fn a_signed_response_vouches_for_no_other() {
    let world = World::new(|service| {
        service.sign_response = true;
        service.sign_assertion = false;
    });
    let answer = world.answer("bob");
    let p = pieces(&answer, "samlp:Response");
    let nested = |evil: String, inner: &str| {
        evil.replace("</samlp:Response>", &format!("{inner}</samlp:Response>"))
    };
    let forgeries = [
        (
            "1: genuine in the signature",
            p.evil(&p.signature_with(&p.bare)),
        ),
        (
            "2: genuine beside the signature",
            nested(p.evil(&p.signature), &p.bare),
        ),
        ("around the genuine", nested(p.evil(""), &p.genuine)),
        (
            "genuine in extensions",
            p.evil(&format!(
                "<samlp:Extensions>{}</samlp:Extensions>",
                p.genuine
            )),
        ),
        ("twins", p.evil_twin(&p.signature_with(&p.bare))),
    ];
    all_refused(&world, &answer, &forgeries);
}

#[test]
fn one_good_signature_does_not_make_up_for_a_bad_one() {
    let world = World::new(|service| service.sign_response = true);
    let answer = world.answer("bob");
    // Whatever is outside the assertion is covered by the response's signature alone.
    let changed = answer.with("status:Success\"/>", "status:Success\" x=\"\"/>");
    assert_eq!(world.take(&changed), Err(Refused::BadSignature));
    assert!(world.take(&answer).is_ok());
}
