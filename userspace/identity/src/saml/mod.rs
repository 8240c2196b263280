//! A SAML 2.0 service provider for people (saml-core-2.0-os, saml-profiles-2.0-os section 4.1).
//!
//! Job: ask an identity provider who somebody is (HTTP-Redirect), and hold what comes back by their
//! browser (HTTP-POST) to be true only if it is the one answer to that question, signed by a key
//! that was configured, for us, and now.
//!
//! Not its job: sockets, browsers, and what the person may do.
//!
//! **Whose verifier.** XML is read by `uppsala` and canonicalised by `bergshamra-c14n`, which are
//! kept, hold against the W3C's and xmlsec's own vectors, and forbid `unsafe`; digests and
//! signatures are `ring`'s. What is ours is the order in which they are called, on the one shape
//! below. `samael` would bring libxml2 and xmlsec1 into a daemon that runs as root and reads here
//! what strangers wrote; a child process would contain that, and still leave two parsers that must
//! agree on what was signed. `bergshamra-dsig` and `saml-rs`, which do it all, also bring every
//! algorithm that was ever registered: seventy crates, some before their release, of versions that
//! can't be built beside `age`'s.
//!
//! **Wrapping.** One parse, one tree. Before anything is verified the document must have one shape:
//! one assertion, right under the response; signatures of one reference each, enveloped by the very
//! element that they refer to; exclusive canonicalisation and nothing else. Nothing is looked up by its id: what
//! is digested is the signature's parent, and that node is what is read afterwards.
//!
//! Known limits: requests are not signed, assertions not decrypted, there is no single logout, and
//! metadata is believed as the file that an operator gave, whoever signed it.

mod assertion;
mod consumer;
mod document;
mod key;
mod metadata;
mod refused;
mod replay;
mod request;
mod settings;
mod signature;

use jiff::Timestamp;

pub use self::{
    consumer::{Consumer, ConsumerError},
    key::{CertificateError, Key},
    metadata::{IdentityProvider, MetadataError},
    refused::Refused,
    request::Begun,
    settings::{Attributes, Offer, Settings},
};
use self::{document::Markup, replay::Seen, request::Requests};
use crate::Person;

/// One identity provider, as we are its service provider.
#[derive(Debug)]
pub struct ServiceProvider {
    settings: Settings,
    requests: Requests,
    seen: Seen,
}

impl ServiceProvider {
    /// Declared so.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            requests: Requests::default(),
            seen: Seen::default(),
        }
    }

    /// How it was declared.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Begins a sign-in: where to send the person's browser, and what the answer must answer.
    ///
    /// # Errors
    /// When too many are under way, or the system has no randomness.
    pub fn begin(&self, now: Timestamp) -> Result<Begun, Refused> {
        self.settings.identity_provider.is_current(now)?;
        let id = self.requests.open(now)?;
        let url = request::url(&self.settings, &id, now);
        Ok(Begun { request: id, url })
    }

    /// Whom this answer to that request is of. The answer is what the browser posted: a response
    /// in base64. Verifying takes milliseconds of work.
    ///
    /// # Errors
    /// When it proves nothing. The request stays open then, until it is answered or too old.
    pub fn verify(&self, request: &str, response: &str, now: Timestamp) -> Result<Person, Refused> {
        self.settings.identity_provider.is_current(now)?;
        if !self.requests.is_open(request, now) {
            return Err(Refused::UnknownRequest);
        }
        let text = document::decode(response)?;
        let document = document::parse(&text)?;
        let response = Markup::root(&document)?;
        let signed = signature::verify(response, &self.settings.identity_provider.keys)?;
        let vouched = assertion::judge(&signed, request, &self.settings, now)?;
        self.seen.remember(vouched.assertion, vouched.until, now)?;
        // Of two that answer at once, one is second.
        if !self.requests.close(request) {
            return Err(Refused::UnknownRequest);
        }
        Ok(vouched.person)
    }
}
