//! Which assertion is signed, by a key of the provider.
//!
//! First the shape: most of what XML signatures can express (detached and external references,
//! XPath, XSLT, keys in the message, HMAC) is refused by it. Then what is left of core validation
//! (xmldsig-core, section 3.2): the digest of the signature's parent without the signature, and the
//! signature over the signed info, each over its canonical form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::nodeset::NodeSet;
use ring::digest::{self, SHA256, SHA384, SHA512};

use super::{
    document::{ASSERTION, DSIG, Markup, PROTOCOL},
    key::{Key, Method},
    refused::{Refused, quoted},
};

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// A response with its one assertion, which the provider has signed: made here only.
pub(super) struct Signed<'d> {
    /// The response. What is right in it but outside the assertion is signed only if
    /// `response_too`.
    pub(super) response: Markup<'d>,
    pub(super) response_too: bool,
    pub(super) assertion: Markup<'d>,
}

/// Finds the assertion and verifies every signature that is there.
pub(super) fn verify<'d>(response: Markup<'d>, keys: &[Key]) -> Result<Signed<'d>, Refused> {
    let assertion = the_assertion(response)?;
    let signatures: Vec<_> = response
        .everything()
        .filter(|element| element.is(DSIG, "Signature"))
        .map(|signature| shape(signature, response, assertion))
        .collect::<Result<_, _>>()?;
    let on = |target: Markup<'_>| {
        let mut on = signatures.iter().filter(|s| s.target.id == target.id);
        match (on.next(), on.next()) {
            (_, Some(_)) => Err(Refused::SignatureShape("two of one element")),
            (signature, None) => Ok(signature.is_some()),
        }
    };
    let (response_too, assertion_itself) = (on(response)?, on(assertion)?);
    if !response_too && !assertion_itself {
        return Err(Refused::Unsigned);
    }
    // One that is there and wrong is no better than none, whatever the other says.
    for signature in &signatures {
        signature.verify(keys)?;
    }
    Ok(Signed {
        response,
        response_too,
        assertion,
    })
}

/// The one assertion of a response. Others, anywhere, are an error: there is nothing in the profile
/// that they would be for.
fn the_assertion(response: Markup<'_>) -> Result<Markup<'_>, Refused> {
    if !response.is(PROTOCOL, "Response") || response.attribute("Version") != Some("2.0") {
        return Err(Refused::Shape("it is no SAML 2.0 Response".to_owned()));
    }
    let below = || response.everything().skip(1);
    if below().any(|element| element.is(PROTOCOL, "Response")) {
        return Err(Refused::Shape("a Response in a Response".to_owned()));
    }
    for (name, what) in [
        ("EncryptedAssertion", "assertion"),
        ("EncryptedID", "name"),
        ("EncryptedAttribute", "attribute"),
    ] {
        if below().any(|element| element.is(ASSERTION, name)) {
            return Err(Refused::Encrypted(what));
        }
    }
    let count = below()
        .filter(|element| element.is(ASSERTION, "Assertion"))
        .count();
    // A refusal has none, and says why.
    if count == 0 {
        super::assertion::status(response)?;
    }
    if count != 1 {
        return Err(Refused::Shape(format!("{count} assertions, not one")));
    }
    response.the(ASSERTION, "Assertion")
}

/// A signature of the right shape, yet to be verified.
struct Signature<'d> {
    element: Markup<'d>,
    /// Its parent, to which it refers.
    target: Markup<'d>,
    signed_info: Markup<'d>,
    method: Method,
    value: Vec<u8>,
    digest_method: &'static digest::Algorithm,
    digest: Vec<u8>,
    /// Namespace prefixes that the canonical forms keep: of the target, and of the signed info.
    target_keeps: Vec<&'d str>,
    info_keeps: Vec<&'d str>,
}

/// Holds a signature to the profile (saml-core-2.0-os, section 5.4).
fn shape<'d>(
    element: Markup<'d>,
    response: Markup<'d>,
    assertion: Markup<'d>,
) -> Result<Signature<'d>, Refused> {
    let wrong = |problem| Err(Refused::SignatureShape(problem));
    let Some(target) = [response, assertion]
        .into_iter()
        .find(|target| element.parent() == Some(target.id))
    else {
        return wrong("it is neither the response's nor the assertion's own");
    };
    let names = ["SignedInfo", "SignatureValue", "KeyInfo"];
    if element
        .children()
        .any(|child| !names.iter().any(|name| child.is(DSIG, name)))
    {
        return wrong("it holds more than signed info, value and key");
    }
    let info = element.the(DSIG, "SignedInfo")?;
    let info_keeps = exclusive(info.the(DSIG, "CanonicalizationMethod")?)?;
    let uri = algorithm(info.the(DSIG, "SignatureMethod")?)?;
    let method = Method::from_uri(uri).ok_or_else(|| unusable(uri))?;
    let reference = info.the(DSIG, "Reference")?;
    if info.children().count() != 3 {
        return wrong("its signed info holds more than it needs");
    }
    let Some(id) = target.attribute("ID").filter(|id| !id.is_empty()) else {
        return wrong("what it is in has no ID");
    };
    if reference
        .attribute("URI")
        .and_then(|uri| uri.strip_prefix('#'))
        != Some(id)
    {
        return wrong("it is not of the element that it is in");
    }
    let digest_method = digest_method(algorithm(reference.the(DSIG, "DigestMethod")?)?)?;
    let transforms: Vec<_> = reference.the(DSIG, "Transforms")?.children().collect();
    let [enveloped, canonical] = transforms.as_slice() else {
        return wrong("its transforms are not two: enveloped, and exclusive canonicalisation");
    };
    let are_transforms = transforms.iter().all(|each| each.is(DSIG, "Transform"));
    if !are_transforms || algorithm(*enveloped)? != ENVELOPED || enveloped.children().count() != 0 {
        return wrong("its first transform is not that of an enveloped signature");
    }
    Ok(Signature {
        element,
        target,
        signed_info: info,
        method,
        value: bytes(element.the(DSIG, "SignatureValue")?)?,
        digest_method,
        digest: bytes(reference.the(DSIG, "DigestValue")?)?,
        target_keeps: exclusive(*canonical)?,
        info_keeps,
    })
}

fn digest_method(uri: &str) -> Result<&'static digest::Algorithm, Refused> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(&SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(&SHA384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(&SHA512),
        _ => Err(unusable(uri)),
    }
}

fn bytes(element: Markup<'_>) -> Result<Vec<u8>, Refused> {
    let mut text = element.text()?;
    text.retain(|c| !c.is_ascii_whitespace());
    STANDARD
        .decode(text)
        .map_err(|_| Refused::SignatureShape("a value that is not base64"))
}

fn algorithm(element: Markup<'_>) -> Result<&str, Refused> {
    element
        .attribute("Algorithm")
        .ok_or(Refused::SignatureShape("a method without an algorithm"))
}

/// The prefixes that exclusive canonicalisation, without comments, keeps.
fn exclusive(element: Markup<'_>) -> Result<Vec<&str>, Refused> {
    let uri = algorithm(element)?;
    if uri != EXCLUSIVE {
        return Err(unusable(uri));
    }
    let kept = element.only(EXCLUSIVE, "InclusiveNamespaces")?;
    if element.children().count() != usize::from(kept.is_some()) {
        return Err(Refused::SignatureShape(
            "a canonicalisation with more to it",
        ));
    }
    let list = kept.and_then(|kept| kept.attribute("PrefixList"));
    let prefixes = list.unwrap_or_default().split_ascii_whitespace();
    Ok(prefixes.collect())
}

fn unusable(uri: &str) -> Refused {
    Refused::Algorithm {
        algorithm: quoted(uri),
    }
}

impl Signature<'_> {
    fn verify(&self, keys: &[Key]) -> Result<(), Refused> {
        let document = self.target.document;
        let mut signed = NodeSet::tree_without_comments(self.target.id, document);
        // The enveloped signature itself (xmldsig-core, section 6.6.4).
        signed.remove_id(self.element.id);
        for node in document.descendants(self.element.id) {
            signed.remove_id(node);
        }
        let digest = digest::digest(
            self.digest_method,
            &canonical(self.target, &signed, &self.target_keeps)?,
        );
        let info = NodeSet::tree_without_comments(self.signed_info.id, document);
        let info = canonical(self.signed_info, &info, &self.info_keeps)?;
        let is_signed = |key: &Key| key.verifies(self.method, &info, &self.value);
        if digest.as_ref() == self.digest && keys.iter().any(is_signed) {
            return Ok(());
        }
        Err(Refused::BadSignature)
    }
}

fn canonical(of: Markup<'_>, nodes: &NodeSet, keeps: &[&str]) -> Result<Vec<u8>, Refused> {
    canonicalize_doc(of.document, C14nMode::Exclusive, Some(nodes), keeps)
        .map_err(|_| Refused::SignatureShape("it has no canonical form"))
}
