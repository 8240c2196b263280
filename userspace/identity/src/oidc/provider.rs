//! One provider: what it says of itself, its keys, and tokens held to them.

use std::{future::Future, pin::Pin, sync::Arc};

use jiff::Timestamp;
use openidconnect::{
    AdditionalProviderMetadata, DiscoveryError, IssuerUrl, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
        CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Http, HttpError, KeySource, Keys, KeysError, Settings,
    token::{Claims, Expected, TokenError, Unverified},
};

/// Types of tokens that speak for workloads: access tokens (RFC 9068) and those of platforms.
const WORKLOAD_TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// What a provider says of itself, with what weir needs beyond the core.
pub(crate) type Metadata = ProviderMetadata<
    Beyond,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Endpoints of RFC 8414, section 2, and RFC 8628, section 4.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Beyond {
    #[serde(default)]
    pub(crate) introspection_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) device_authorization_endpoint: Option<String>,
}

impl AdditionalProviderMetadata for Beyond {}

/// A provider that can't be used as it is declared. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It can't be asked.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What it says of itself is not so, or makes no sense.
    #[error("what {issuer} says of itself can't be used: {problem}")]
    Discovery {
        /// Its issuer identifier.
        issuer: String,
        /// What is wrong.
        problem: String,
    },
}

/// A provider, and what is known of it. Clones are the same provider.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    http: Http,
    keys: Keys,
}

impl Provider {
    /// A provider as declared. It isn't asked before it is needed.
    ///
    /// # Errors
    /// When its authorities can't be read.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        let http = Http::new(settings.ca.as_deref())?;
        Ok(Self(Arc::new(Inner {
            settings,
            http,
            keys: Keys::new(),
        })))
    }

    /// As it is declared.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    /// What it says of itself now (OpenID Connect Discovery 1.0).
    pub(crate) async fn discover(&self) -> Result<Metadata, ProviderError> {
        discover(&self.0.settings.issuer, &self.0.http).await
    }

    /// Holds a token to this provider's keys and to what is expected of it.
    pub(crate) async fn verify(
        &self,
        token: &str,
        (audience, types): (&str, &[&str]),
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let settings = &self.0.settings;
        let expected = Expected {
            issuer: Some(&settings.issuer),
            audience,
            types,
            algorithms: &settings.algorithms,
            skew: settings.clock_skew,
        };
        let unverified = Unverified::read(token, &expected)?;
        let keys = &self.0.keys;
        let found = keys.find(&*self.0, unverified.key.as_deref(), now).await?;
        unverified.verify(&found, &expected, now)
    }

    /// Holds a token that speaks for a workload.
    pub(crate) async fn verify_workload(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        self.verify(token, (audience, &WORKLOAD_TYPES), now).await
    }
}

impl KeySource for Inner {
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<CoreJsonWebKeySet, KeysError>> + Send + '_>> {
        Box::pin(async {
            let discovered = discover(&self.settings.issuer, &self.http).await;
            let metadata = discovered.map_err(|error| match error {
                ProviderError::Http(error) => error.into(),
                other => KeysError::Answer(other.to_string()),
            })?;
            Ok(metadata.jwks().clone())
        })
    }
}

/// Asks an issuer for what it is and for its keys.
pub(crate) async fn discover(issuer: &str, http: &Http) -> Result<Metadata, ProviderError> {
    let wrong = |problem: String| ProviderError::Discovery {
        issuer: issuer.to_owned(),
        problem,
    };
    let url = IssuerUrl::new(issuer.to_owned()).map_err(|error| wrong(error.to_string()))?;
    let discovered = Metadata::discover_async(url, http).await;
    discovered.map_err(|error| match error {
        DiscoveryError::Request(error) => ProviderError::Http(error),
        DiscoveryError::Response(status, _, problem) => wrong(format!("{problem} ({status})")),
        other => wrong(other.to_string()),
    })
}
