//! What a client shows of who somebody is.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// What a client brings from a provider. Nothing in it is believed before it is verified.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// From an OpenID Connect provider.
    Oidc {
        /// The provider's declared name.
        provider: String,
        /// The ID token.
        #[serde(with = "secret")]
        id_token: SecretString,
        /// The nonce with which it was asked for; none where the flow has none (RFC 8628).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<String>,
    },
    /// From a SAML identity provider.
    Saml {
        /// The provider's declared name.
        provider: String,
        /// The request that is answered, as [`begin`](super::SignIns::begin) named it.
        request: String,
        /// The response that the browser posted, in base64.
        #[serde(with = "secret")]
        response: SecretString,
    },
}

impl Evidence {
    /// The provider that it says it is from.
    #[must_use]
    pub fn provider(&self) -> &str {
        match self {
            Self::Oidc { provider, .. } | Self::Saml { provider, .. } => provider,
        }
    }
}

/// Secrets travel in evidence and are never shown.
mod secret {
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        secret: &SecretString,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}
