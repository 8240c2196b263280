//! What an identity provider says of itself (saml-metadata-2.0-os).

use jiff::Timestamp;
use openidconnect::url::{Host, Url};

use super::{
    CertificateError, Key, Refused,
    document::{self, DSIG, METADATA, Markup, PROTOCOL},
};

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// Most keys that one provider may sign with: one, and its successors while they change.
const KEYS: usize = 8;

/// An identity provider: who it says it is, where people sign in, and what it signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    pub(super) entity_id: String,
    pub(super) sign_on: Url,
    pub(super) keys: Vec<Key>,
    until: Option<Timestamp>,
}

/// What can't be an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not XML, or not with what must be in it.
    #[error("{0}")]
    Malformed(Refused),
    /// Other metadata.
    #[error(
        "this is not the metadata of one SAML 2.0 identity provider (EntityDescriptor with an IDPSSODescriptor)"
    )]
    NotAProvider,
    /// A key that can't be used.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// None, or more than is taken.
    #[error("it has {0} signing certificates; one to {KEYS} are taken")]
    Keys(usize),
    /// No place to sign in by redirection.
    #[error("it has no place to sign in by HTTP-Redirect")]
    NoSignOn,
    /// Anybody on the way could read and write.
    #[error("`{0}` is neither https:// nor on this machine's loopback")]
    Address(String),
    /// Nobody.
    #[error("an entity id has 1 to 1024 characters")]
    EntityId,
}

impl IdentityProvider {
    /// One without metadata.
    ///
    /// # Errors
    /// When it has no name, no key, or an address in the clear.
    pub fn new(entity_id: &str, sign_on: &str, keys: Vec<Key>) -> Result<Self, MetadataError> {
        if entity_id.is_empty() || entity_id.chars().count() > 1024 {
            return Err(MetadataError::EntityId);
        }
        if keys.is_empty() || keys.len() > KEYS {
            return Err(MetadataError::Keys(keys.len()));
        }
        Ok(Self {
            entity_id: entity_id.to_owned(),
            sign_on: private(sign_on)?,
            keys,
            until: None,
        })
    }

    /// The one that metadata describes.
    ///
    /// # Errors
    /// When it describes none, or several.
    pub fn from_metadata(text: &str) -> Result<Self, MetadataError> {
        let document = document::parse(text).map_err(MetadataError::Malformed)?;
        let entity = Markup::root(&document).map_err(MetadataError::Malformed)?;
        if !entity.is(METADATA, "EntityDescriptor") {
            return Err(MetadataError::NotAProvider);
        }
        let mut roles = entity.all(METADATA, "IDPSSODescriptor").filter(|role| {
            let protocols = role.attribute("protocolSupportEnumeration");
            protocols.is_some_and(|all| all.split_ascii_whitespace().any(|one| one == PROTOCOL))
        });
        let (Some(role), None) = (roles.next(), roles.next()) else {
            return Err(MetadataError::NotAProvider);
        };
        let keys = role
            .all(METADATA, "KeyDescriptor")
            .filter(|key| !matches!(key.attribute("use"), Some("encryption")))
            .map(key)
            .collect::<Result<Vec<_>, _>>()?;
        let sign_on = role
            .all(METADATA, "SingleSignOnService")
            .find(|service| service.attribute("Binding") == Some(REDIRECT))
            .and_then(|service| service.attribute("Location"))
            .ok_or(MetadataError::NoSignOn)?;
        let name = entity.attribute("entityID").unwrap_or_default();
        let ends = [entity, role].into_iter().filter_map(|element| {
            let until = element.attribute("validUntil")?;
            Some(until.parse::<Timestamp>())
        });
        let until = ends.collect::<Result<Vec<_>, _>>().map_err(|_| {
            MetadataError::Malformed(Refused::Shape("validUntil is no time".to_owned()))
        })?;
        Ok(Self {
            until: until.into_iter().min(),
            ..Self::new(name, sign_on, keys)?
        })
    }

    /// Its entity id.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    pub(super) fn is_current(&self, now: Timestamp) -> Result<(), Refused> {
        match self.until {
            Some(until) if until <= now => Err(Refused::StaleMetadata { until }),
            _ => Ok(()),
        }
    }
}

fn key(descriptor: Markup<'_>) -> Result<Key, MetadataError> {
    let certificate = descriptor
        .the(DSIG, "KeyInfo")
        .and_then(|info| info.the(DSIG, "X509Data"))
        .and_then(|data| data.the(DSIG, "X509Certificate"))
        .and_then(Markup::text)
        .map_err(MetadataError::Malformed)?;
    Ok(Key::from_certificate(&certificate)?)
}

/// An address that nobody on the way can read.
fn private(address: &str) -> Result<Url, MetadataError> {
    let wrong = || MetadataError::Address(address.chars().take(200).collect());
    let url = Url::parse(address).map_err(|_| wrong())?;
    let is_here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err(wrong()),
    }
}
