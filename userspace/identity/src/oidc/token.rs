//! A signed token (RFC 7515, compact; RFC 7519): taken apart, and held to what is expected of it.
//!
//! Nothing of a token is used before its signature holds, save the names of its key and algorithm.
//! The algorithm must be one that the operator takes, so a token can't choose `none`, or an HMAC
//! whose secret is the provider's public key.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{JsonWebKey as _, core::CoreJsonWebKey};
use serde::Deserialize;
use serde_json::Value;

use super::{Algorithm, keys::KeysError};

/// Longest token, in bytes.
pub(crate) const LONGEST: usize = 32 * 1024;
/// Longest `sub`, in bytes (OpenID Connect Core 1.0, section 2, has 255 ASCII characters).
const LONGEST_SUB: usize = 255;

/// Why a token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It isn't a signed token at all.
    #[error("it is not a signed token: {0}")]
    Shape(&'static str),
    /// Its algorithm is not taken.
    #[error("it is signed with {0}, which is not among the `algorithms` that are taken")]
    Algorithm(String),
    /// It is of another kind.
    #[error("its type is {0}, so it is not meant for this")]
    Type(String),
    /// It demands what weir doesn't know (RFC 7515, section 4.1.11).
    #[error("it has critical header parameters that weir doesn't know")]
    Critical,
    /// The provider has no such key.
    #[error("no key of the provider that fits is called {0}")]
    UnknownKey(String),
    /// The keys can't be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It was made by somebody else, or changed.
    #[error("its signature does not hold")]
    Forged,
    /// A claim is missing or is not what it must be.
    #[error("its claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// Somebody else made it.
    #[error("it was issued by {found}, not by {expected}")]
    Issuer {
        /// By whom.
        found: String,
        /// By whom it should be.
        expected: String,
    },
    /// It is for somebody else.
    #[error("it is meant for {found}, not for {expected}")]
    Audience {
        /// For whom.
        found: String,
        /// For whom it should be.
        expected: String,
    },
    /// It was given to another client.
    #[error("it was given to another client (azp)")]
    Party,
    /// It is over.
    #[error("it has expired at {0}")]
    Expired(Timestamp),
    /// It is not yet good.
    #[error("it is good from {0} only; are the clocks right?")]
    Early(Timestamp),
}

/// What is expected of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// Its issuer, exactly; where none is said its `sub` says who vouches.
    pub(crate) issuer: Option<&'a str>,
    /// One of these is among those whom it is meant for.
    pub(crate) audience: &'a str,
    /// Its types (`typ`), lower case; none at all is also taken.
    pub(crate) types: &'a [&'a str],
    pub(crate) algorithms: &'a [Algorithm],
    pub(crate) skew: Duration,
}

/// A token that is taken apart and not yet believed.
pub(crate) struct Unverified<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    payload: Vec<u8>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Option<String>,
}

/// What a token says whose signature and bounds hold.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    pub(crate) all: Value,
    pub(crate) expires: Timestamp,
    pub(crate) issued: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    pub(crate) fn read(token: &'a str, expected: &Expected<'_>) -> Result<Self, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Shape("it is too long"));
        }
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(TokenError::Shape("it has no three parts"))?;
        let (header, payload) = signed
            .split_once('.')
            .filter(|(_, payload)| !payload.contains('.'))
            .ok_or(TokenError::Shape("it has no three parts"))?;
        let decoded = |part: &str| {
            let decoded = URL_SAFE_NO_PAD.decode(part);
            decoded.map_err(|_| TokenError::Shape("a part is not base64url"))
        };
        let header: Header = serde_json::from_slice(&decoded(header)?)
            .map_err(|_| TokenError::Shape("its header is not one"))?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let taken = expected.algorithms.iter().copied();
        let algorithm = taken
            .clone()
            .find(|taken| taken.name() == header.alg)
            .ok_or_else(|| TokenError::Algorithm(short(&header.alg)))?;
        if let Some(kind) = &header.typ {
            let kind = kind.to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            if !expected.types.contains(&kind) {
                return Err(TokenError::Type(short(kind)));
            }
        }
        Ok(Self {
            signed,
            signature: decoded(signature)?,
            payload: decoded(payload)?,
            algorithm,
            key: header.kid,
        })
    }

    /// Holds the signature to these keys, and what was signed to what is expected.
    pub(crate) fn verify(
        self,
        keys: &[CoreJsonWebKey],
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        if keys.is_empty() {
            let name = self.key.as_deref().map_or("(none)".to_owned(), short);
            return Err(TokenError::UnknownKey(name));
        }
        let algorithm = self.algorithm.into();
        let holds = keys.iter().any(|key| {
            let signed = self.signed.as_bytes();
            key.verify_signature(&algorithm, signed, &self.signature)
                .is_ok()
        });
        if !holds {
            return Err(TokenError::Forged);
        }
        let all: Value =
            serde_json::from_slice(&self.payload).map_err(|_| TokenError::Shape("not JSON"))?;
        if !all.is_object() {
            return Err(TokenError::Shape("its claims are no object"));
        }
        Claims::checked(all, expected, now)
    }
}

impl Claims {
    fn checked(all: Value, expected: &Expected<'_>, now: Timestamp) -> Result<Self, TokenError> {
        if let Some(issuer) = expected.issuer {
            let found = text(&all, "iss")?;
            if found != issuer {
                return Err(TokenError::Issuer {
                    found: short(found),
                    expected: issuer.to_owned(),
                });
            }
        }
        let audiences = audiences(&all)?;
        if !audiences.contains(&expected.audience) {
            return Err(TokenError::Audience {
                found: short(&audiences.join(", ")),
                expected: expected.audience.to_owned(),
            });
        }
        let skew = SignedDuration::try_from(expected.skew).unwrap_or(SignedDuration::ZERO);
        let early = now.saturating_add(skew).unwrap_or(Timestamp::MAX);
        let expires = moment(&all, "exp")?.ok_or(TokenError::Claim("exp"))?;
        let ends = expires.saturating_add(skew).unwrap_or(Timestamp::MAX);
        if ends <= now {
            return Err(TokenError::Expired(expires));
        }
        let issued = moment(&all, "iat")?;
        for from in [moment(&all, "nbf")?, issued].into_iter().flatten() {
            if from > early {
                return Err(TokenError::Early(from));
            }
        }
        text(&all, "sub")?;
        Ok(Self {
            all,
            expires: ends,
            issued,
        })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }

    /// Whom it is about.
    pub(crate) fn subject(&self) -> Result<&str, TokenError> {
        subject_of(&self.all)
    }

    pub(crate) fn audiences(&self) -> Result<Vec<&str>, TokenError> {
        audiences(&self.all)
    }
}

/// Whom claims are about: a text that can stand in an id.
pub(crate) fn subject_of(claims: &Value) -> Result<&str, TokenError> {
    let sub = text(claims, "sub")?;
    if sub.is_empty() || sub.len() > LONGEST_SUB || sub.contains(char::is_control) {
        return Err(TokenError::Claim("sub"));
    }
    Ok(sub)
}

fn text<'c>(claims: &'c Value, name: &'static str) -> Result<&'c str, TokenError> {
    let found = claims.get(name).and_then(Value::as_str);
    found.ok_or(TokenError::Claim(name))
}

fn audiences(claims: &Value) -> Result<Vec<&str>, TokenError> {
    const MOST: usize = 64;
    let wrong = || TokenError::Claim("aud");
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(several)) if several.len() <= MOST => several
            .iter()
            .map(|one| one.as_str().ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

/// A NumericDate (RFC 7519, section 2): seconds, perhaps with a fraction.
fn moment(claims: &Value, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    let wrong = || TokenError::Claim(name);
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a second is cut"
    )]
    let seconds = value
        .as_i64()
        .or_else(|| value.as_f64().filter(|s| s.abs() < 1e12).map(|s| s as i64))
        .ok_or_else(wrong)?;
    Timestamp::from_second(seconds)
        .map(Some)
        .map_err(|_| wrong())
}

/// Text of a token as it may stand in a message.
fn short(text: &str) -> String {
    text.chars()
        .take(128)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests;
