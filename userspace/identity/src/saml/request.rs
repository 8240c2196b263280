//! What we ask, and which questions are open.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use openidconnect::url::Url;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{
    Refused, Settings,
    document::{ASSERTION, PROTOCOL},
};

/// How long somebody may take at their provider.
const OPEN: SignedDuration = SignedDuration::from_mins(10);
/// Most that are under way at once.
const MOST: usize = 1000;
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// A sign-in that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its id, to be shown again with the answer.
    pub request: String,
    /// Where the person's browser goes.
    pub url: Url,
}

/// The requests that were made and not answered, each since when.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<HashMap<String, Timestamp>>);

impl Requests {
    pub(super) fn open(&self, now: Timestamp) -> Result<String, Refused> {
        let mut random = [0; 20];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Refused::Random)?;
        // An XML name doesn't begin with a digit.
        let id = random.iter().fold("_".to_owned(), |mut id, byte| {
            // Writing to a string can't fail.
            write!(id, "{byte:02x}").ok();
            id
        });
        let mut held = self.held();
        held.retain(|_, since| is_fresh(*since, now));
        if held.len() >= MOST {
            return Err(Refused::Full);
        }
        held.insert(id.clone(), now);
        Ok(id)
    }

    pub(super) fn is_open(&self, id: &str, now: Timestamp) -> bool {
        self.held()
            .get(id)
            .is_some_and(|since| is_fresh(*since, now))
    }

    /// True if it was there: once.
    pub(super) fn close(&self, id: &str) -> bool {
        self.held().remove(id).is_some()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) < OPEN
}

/// The provider's address with the request in it (saml-bindings-2.0-os, section 3.4.4.1).
pub(super) fn url(settings: &Settings, id: &str, now: Timestamp) -> Url {
    let mut url = settings.identity_provider.sign_on.clone();
    let request = STANDARD.encode(stored(&xml(settings, id, now)));
    url.query_pairs_mut().append_pair("SAMLRequest", &request);
    url
}

fn xml(settings: &Settings, id: &str, now: Timestamp) -> String {
    format!(
        r#"<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" ID="{id}" Version="2.0" IssueInstant="{now}" Destination="{to}" AssertionConsumerServiceURL="{acs}" ProtocolBinding="{POST}"><saml:Issuer>{issuer}</saml:Issuer><samlp:NameIDPolicy AllowCreate="true"/></samlp:AuthnRequest>"#,
        now = now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        to = escaped(settings.identity_provider.sign_on.as_str()),
        acs = escaped(settings.consumer.as_str()),
        issuer = escaped(&settings.entity_id),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// As a DEFLATE stream (RFC 1951), which the binding demands, of stored blocks (section 3.2.4): a
/// few hundred bytes are not worth a compressor.
fn stored(text: &str) -> Vec<u8> {
    let mut stream = Vec::with_capacity(text.len() + 5);
    let mut blocks = text.as_bytes().chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_open_until_it_is_answered_or_too_old() {
        let (requests, now) = (Requests::default(), Timestamp::UNIX_EPOCH);
        let (one, two) = (requests.open(now).unwrap(), requests.open(now).unwrap());
        assert_ne!(one, two);
        assert!(requests.is_open(&one, now) && !requests.is_open(&one, now + OPEN));
        assert!(requests.close(&one) && !requests.close(&one));
        assert!(!requests.is_open(&one, now) && requests.is_open(&two, now));
    }

    #[test]
    fn open_requests_are_bounded_and_old_ones_make_room() {
        let (requests, now) = (Requests::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..MOST {
            requests.open(now).unwrap();
        }
        assert_eq!(requests.open(now), Err(Refused::Full));
        requests.open(now + OPEN).unwrap();
    }

    #[test]
    fn what_is_stored_is_a_deflate_stream() {
        assert_eq!(stored("abc"), b"\x01\x03\x00\xfc\xffabc");
        let long = stored(&"x".repeat(usize::from(u16::MAX) + 1));
        assert_eq!(long.len(), usize::from(u16::MAX) + 1 + 2 * 5);
        assert_eq!(long.first(), Some(&0));
    }
}
