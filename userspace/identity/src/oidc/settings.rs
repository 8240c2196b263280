//! How a provider is declared.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use openidconnect::url::{Host, Url};
use serde::{Deserialize, Serialize};

use super::Algorithm;
use crate::Groups;

/// What the operator says of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its issuer identifier, letter by letter as its tokens have it.
    pub issuer: String,
    /// Whom to trust that it is it, as PEM; the system's roots if none is said.
    pub ca: Option<PathBuf>,
    /// As what weir is registered there for people: a public client. None: nobody signs in by it.
    pub client_id: Option<String>,
    /// What is asked for when people sign in; `openid` among it.
    pub scopes: Vec<String>,
    /// Which signatures are taken.
    pub algorithms: Vec<Algorithm>,
    /// How far its clock may be from this host's.
    pub clock_skew: Duration,
    /// Which claims are groups.
    pub groups: Groups,
    /// How long a sign-in lasts; as long as the ID token if none is said.
    pub sign_in_for: Option<Duration>,
}

/// What a client needs to have a person sign in by this provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its issuer identifier.
    pub issuer: String,
    /// As what to ask.
    pub client_id: String,
    /// For what to ask.
    pub scopes: Vec<String>,
    /// Whom to trust that it is it, as PEM; the system's roots if none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

impl Settings {
    /// What people's clients are told; none where people don't sign in by it.
    #[must_use]
    pub fn offer(&self) -> Option<Offer> {
        Some(Offer {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone()?,
            scopes: self.scopes.clone(),
            ca: self.ca.clone(),
        })
    }
}

/// Why a text names no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// It is no URL.
    #[error("it is not a URL, as \"https://login.example.com/realm\"")]
    Url,
    /// It has parts that an issuer has not (OpenID Connect Discovery 1.0, section 3).
    #[error("an issuer has no user, no query and no fragment")]
    Parts,
    /// Anybody on the way could answer in its place.
    #[error("it must be https://; http:// is taken on loopback only")]
    Plain,
}

/// Whether a text can be an issuer identifier.
///
/// # Errors
/// When it can't.
pub fn issuer(text: &str) -> Result<(), IssuerError> {
    let url = Url::parse(text).map_err(|_| IssuerError::Url)?;
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(IssuerError::Parts);
    }
    if is_safe(&url) {
        Ok(())
    } else {
        Err(IssuerError::Plain)
    }
}

/// Whether what is fetched there comes from there: over TLS, or from this host.
pub(crate) fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_on_this_host() {
        for good in [
            "https://login.example.com",
            "https://login.example.com/realms/a",
            "http://127.0.0.1:3000",
            "http://[::1]:3000/x",
            "http://localhost:3000",
        ] {
            assert_eq!(issuer(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("login.example.com", IssuerError::Url),
            ("https://", IssuerError::Url),
            ("http://login.example.com", IssuerError::Plain),
            ("http://127.0.0.1.example.com", IssuerError::Plain),
            ("ftp://127.0.0.1", IssuerError::Plain),
            ("file:///etc/passwd", IssuerError::Plain),
            ("https://a@login.example.com", IssuerError::Parts),
            ("https://login.example.com?x", IssuerError::Parts),
            ("https://login.example.com#x", IssuerError::Parts),
        ] {
            assert_eq!(issuer(bad), Err(why), "{bad}");
        }
    }
}
