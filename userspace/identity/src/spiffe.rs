//! SPIFFE: a workload shows a JWT-SVID, which its trust domain's bundle verifies (SPIFFE JWT-SVID,
//! SPIFFE Trust Domain and Bundle).
//!
//! Known limit: SVID and bundle come from files or an https address, as `spiffe-helper` or
//! `spire-agent api` write them; the Workload API's socket is not spoken. X.509-SVIDs are not taken.

use std::{fs, future::Future, path::PathBuf, pin::Pin, time::Duration};

use jiff::Timestamp;
use openidconnect::{HttpRequest, core::CoreJsonWebKeySet};
use serde_json::Value;
use weir_policy::Subject;

use crate::oidc::{
    Algorithm, Http, HttpError, KeySource, Keys, KeysError, TokenError,
    token::{Expected, Unverified},
};

/// JWT-SVID, section 2.1.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
];
const TYPES: [&str; 2] = ["jwt", "jose"];
/// Longest SPIFFE ID, in bytes (SPIFFE-ID, section 2.3).
const LONGEST_ID: usize = 2048;
/// Largest bundle, in bytes.
const LARGEST: u64 = 512 * 1024;

/// Where a trust domain's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// In a file.
    File(PathBuf),
    /// At an https address, with these authorities (PEM) or the system's.
    Url {
        /// The address.
        url: String,
        /// Whom to trust that it is it.
        ca: Option<PathBuf>,
    },
}

/// A trust domain, and what is taken from it.
#[derive(Debug)]
pub struct Trust {
    domain: String,
    /// The one SPIFFE ID that is taken; any of the domain if none is said.
    only: Option<String>,
    groups: Vec<String>,
    skew: Duration,
    source: Source,
    keys: Keys,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Url { url: String, http: Http },
}

/// Why an SVID proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum SvidError {
    /// The token itself does not hold.
    #[error("the SVID is refused: {0}")]
    Token(#[from] TokenError),
    /// It is somebody else's, or nobody's.
    #[error("the SVID is refused: {id} is not {expected}")]
    Id {
        /// Whose.
        id: String,
        /// Whose it should be.
        expected: String,
    },
}

/// Whether a text is the name of a trust domain (SPIFFE-ID, section 2.1).
#[must_use]
pub fn is_domain(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 255 && text.chars().all(allowed)
}

/// Whether a text is a SPIFFE ID of this trust domain (SPIFFE-ID, section 2).
#[must_use]
pub fn is_id_of(text: &str, domain: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.chars().all(allowed);
    text.len() <= LONGEST_ID
        && text
            .strip_prefix("spiffe://")
            .and_then(|rest| rest.strip_prefix(domain))
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|path| path.split('/').all(segment))
}

impl Trust {
    /// A trust domain. `only` is the one SPIFFE ID that is taken, `groups` what it is in.
    ///
    /// # Errors
    /// When the authorities of its bundle's address can't be read.
    pub fn new(
        domain: String,
        only: Option<String>,
        groups: Vec<String>,
        skew: Duration,
        bundle: Bundle,
    ) -> Result<Self, HttpError> {
        let source = match bundle {
            Bundle::File(path) => Source::File(path),
            Bundle::Url { url, ca } => Source::Url {
                url,
                http: Http::new(ca.as_deref())?,
            },
        };
        Ok(Self {
            domain,
            only,
            groups,
            skew,
            source,
            keys: Keys::new(),
        })
    }

    /// Whom an SVID is of, and until when.
    pub(crate) async fn verify(
        &self,
        svid: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<(Subject, Timestamp), SvidError> {
        let expected = Expected {
            issuer: None,
            audience,
            types: &TYPES,
            algorithms: &ALGORITHMS,
            skew: self.skew,
        };
        let unverified = Unverified::read(svid, &expected)?;
        let name = unverified.key.as_deref();
        let found = self.keys.find(&self.source, name, now).await;
        let found = found.map_err(TokenError::from)?;
        let claims = unverified.verify(&found, &expected, now)?;
        let id = claims.text("sub").unwrap_or_default();
        let is_expected = match &self.only {
            Some(only) => id == only,
            None => is_id_of(id, &self.domain),
        };
        if !is_expected {
            let expected = self.only.clone();
            return Err(SvidError::Id {
                id: id.chars().take(256).flat_map(char::escape_debug).collect(),
                expected: expected
                    .unwrap_or_else(|| format!("an id of the trust domain {}", self.domain)),
            });
        }
        let subject = Subject {
            id: id.to_owned(),
            groups: self.groups.clone(),
            on_behalf_of: None,
        };
        Ok((subject, claims.expires))
    }
}

impl KeySource for Source {
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<CoreJsonWebKeySet, KeysError>> + Send + '_>> {
        Box::pin(async move {
            let text = match self {
                Self::File(path) => {
                    let wrong = |problem: String| {
                        KeysError::Answer(format!("the trust bundle {}: {problem}", path.display()))
                    };
                    let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
                    if !size.is_file() || size.len() > LARGEST {
                        return Err(wrong("it is no file of up to 512 KiB".to_owned()));
                    }
                    fs::read(path).map_err(|error| wrong(error.to_string()))?
                }
                Self::Url { url, http } => {
                    let request: HttpRequest = openidconnect::http::Request::get(url)
                        .body(Vec::new())
                        .map_err(|error| KeysError::Answer(error.to_string()))?;
                    let answer = http.ask(request).await?;
                    if !answer.status().is_success() {
                        let status = answer.status();
                        return Err(KeysError::Answer(format!("{url} answers with {status}")));
                    }
                    answer.into_body()
                }
            };
            bundle(&text)
        })
    }
}

/// The keys for JWT-SVIDs of a bundle: those whose use says so (Trust Domain and Bundle, section
/// 4.2.2), as keys for signatures.
fn bundle(text: &[u8]) -> Result<CoreJsonWebKeySet, KeysError> {
    let wrong = || KeysError::Answer("the trust bundle is not a JWK Set".to_owned());
    let mut bundle: Value = serde_json::from_slice(text).map_err(|_| wrong())?;
    let keys = bundle.get_mut("keys").and_then(Value::as_array_mut);
    let keys = keys.ok_or_else(wrong)?;
    keys.retain(|key| key.get("use").and_then(Value::as_str) == Some("jwt-svid"));
    for key in keys {
        if let Some(key) = key.as_object_mut() {
            key.insert("use".to_owned(), "sig".into());
        }
    }
    serde_json::from_value(bundle).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_its_own_domain_only() {
        for good in ["spiffe://a.example/ci", "spiffe://a.example/ns/x/sa/y"] {
            assert!(is_id_of(good, "a.example"), "{good}");
        }
        for bad in [
            "spiffe://a.example",
            "spiffe://a.example/",
            "spiffe://a.example.evil/ci",
            "spiffe://b.example/ci",
            "spiffe://a.example/../b",
            "spiffe://a.example/a//b",
            "spiffe://a.example/ci#x",
            "https://a.example/ci",
            "SPIFFE://a.example/ci",
        ] {
            assert!(!is_id_of(bad, "a.example"), "{bad}");
        }
        assert!(is_domain("a.example") && !is_domain("A.example") && !is_domain("a/b"));
    }

    #[test]
    fn only_keys_for_svids_are_taken_from_a_bundle() {
        let text = br#"{"keys": [
            {"use": "x509-svid", "kty": "EC", "kid": "x", "crv": "P-256", "x": "AA", "y": "AA"},
            {"use": "jwt-svid", "kty": "EC", "kid": "j", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "EC", "kid": "n", "crv": "P-256", "x": "AA", "y": "AA"}
        ]}"#;
        let found = bundle(text).unwrap();
        let ids: Vec<_> = found
            .keys()
            .iter()
            .map(openidconnect::JsonWebKey::key_id)
            .collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(ids[0].unwrap().as_str(), "j");
        assert!(bundle(b"[]").is_err() && bundle(b"x").is_err());
    }
}
