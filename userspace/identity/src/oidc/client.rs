//! Weir as a client of a provider on behalf of a workload: it shows who it is, and asks for tokens
//! or whether one still holds.

use std::{fmt, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use openidconnect::{
    HttpRequest,
    core::CoreClientAuthMethod,
    url::form_urlencoded::{Serializer, byte_serialize},
};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{HttpError, Provider, ProviderError, provider::Metadata, token::LONGEST};

/// How long an assertion of who the client is may be used, in seconds.
const ASSERTION: i64 = 60;

/// Reads a secret from where it is kept, each time anew. The error says what is wrong and holds no
/// part of it.
pub type Secret = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// What shows who a client is.
#[derive(Clone)]
pub enum ClientKey {
    /// A secret that the provider knows (RFC 6749, section 2.3.1).
    Secret(Secret),
    /// A private key as PKCS #8 in PEM, whose public half the provider knows: RSA, P-256 or Ed25519
    /// (RFC 7523, section 2.2).
    Key(Secret),
}

/// A client of a provider.
#[derive(Clone)]
pub struct Client {
    /// Its registered name.
    pub id: String,
    /// What shows who it is.
    pub key: ClientKey,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a provider gives a client nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Its secret or key can't be read. The operator's to mend.
    #[error("{0}")]
    Secret(String),
    /// Its key is none that weir can sign with.
    #[error("the client's key can't be used: {0}")]
    Key(&'static str),
    /// The provider can't be found.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// It can't be asked.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It doesn't do what it is asked for.
    #[error("the provider has no {0} endpoint")]
    NoEndpoint(&'static str),
    /// It refuses.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// Its answer makes no sense.
    #[error("the provider's answer makes no sense: {0}")]
    Nonsense(&'static str),
}

impl Client {
    /// Asks for a token (RFC 6749, section 4.4; RFC 8693, section 2).
    pub(crate) async fn token(
        &self,
        provider: &Provider,
        parameters: &[(&str, &str)],
    ) -> Result<SecretString, ClientError> {
        let metadata = provider.discover().await?;
        let endpoint = metadata
            .token_endpoint()
            .ok_or(ClientError::NoEndpoint("token"))?;
        let answer = self
            .post(provider, &metadata, endpoint.as_str(), parameters)
            .await?;
        match answer.get("access_token").and_then(Value::as_str) {
            Some(token) if token.len() <= LONGEST => Ok(token.into()),
            _ => Err(ClientError::Nonsense("it holds no access token")),
        }
    }

    /// Whether a token still holds (RFC 7662).
    pub(crate) async fn holds(
        &self,
        provider: &Provider,
        token: &SecretString,
    ) -> Result<bool, ClientError> {
        let metadata = provider.discover().await?;
        let endpoint = metadata
            .additional_metadata()
            .introspection_endpoint
            .clone();
        let endpoint = endpoint.ok_or(ClientError::NoEndpoint("introspection"))?;
        let parameters = [("token", token.expose_secret())];
        let answer = self
            .post(provider, &metadata, &endpoint, &parameters)
            .await?;
        let active = answer.get("active").and_then(Value::as_bool);
        active.ok_or(ClientError::Nonsense("it does not say `active`"))
    }

    async fn post(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, ClientError> {
        let request = self.request(provider, metadata, endpoint, parameters)?;
        let answer = provider.http().ask(request).await?;
        let body: Value = serde_json::from_slice(answer.body())
            .map_err(|_| ClientError::Nonsense("it is not JSON"))?;
        if answer.status().is_success() {
            return Ok(body);
        }
        let said = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let told = format!("{} {}", said("error"), said("error_description"));
        let told: String = told.trim().chars().take(256).collect();
        let told = told.escape_debug().to_string();
        Err(ClientError::Refused(format!(
            "{told} ({})",
            answer.status()
        )))
    }

    /// What is sent, with what shows who the client is.
    fn request(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<HttpRequest, ClientError> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(parameters);
        let mut request = openidconnect::http::Request::post(endpoint)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        match &self.key {
            ClientKey::Secret(secret) => {
                let secret = secret().map_err(ClientError::Secret)?;
                let methods = metadata.token_endpoint_auth_methods_supported();
                let basic = methods.is_none_or(|methods| {
                    methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                });
                if basic {
                    request = request.header("authorization", self.basic(&secret));
                } else {
                    form.append_pair("client_id", &self.id);
                    form.append_pair("client_secret", secret.expose_secret());
                }
            }
            ClientKey::Key(key) => {
                let key = key().map_err(ClientError::Secret)?;
                let issuer = &provider.settings().issuer;
                let assertion = self.assertion(&key, issuer, Timestamp::now())?;
                form.append_pair("client_id", &self.id);
                form.append_pair(
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                );
                form.append_pair("client_assertion", &assertion);
            }
        }
        request
            .body(form.finish().into_bytes())
            .map_err(|_| ClientError::Nonsense("an endpoint is no URL"))
    }

    fn basic(&self, secret: &SecretString) -> String {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.id), encoded(secret.expose_secret()));
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// A word, signed by the client, that it is the client; for this issuer, once and soon.
    fn assertion(
        &self,
        pem: &SecretString,
        issuer: &str,
        now: Timestamp,
    ) -> Result<String, ClientError> {
        let signer = Signer::read(pem)?;
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random
            .fill(&mut id)
            .map_err(|_| ClientError::Key("the system gives no random bytes"))?;
        let header = json!({"alg": signer.name(), "typ": "JWT"});
        let now = now.as_second();
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": issuer, "iat": now, "exp": now + ASSERTION,
            "jti": URL_SAFE_NO_PAD.encode(id),
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = signer.sign(&random, signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn read(pem: &SecretString) -> Result<Self, ClientError> {
        let key = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|_| ClientError::Key("it is not a private key in PEM"))?;
        let PrivateKeyDer::Pkcs8(key) = key else {
            return Err(ClientError::Key(
                "it is not in PKCS #8; convert it: openssl pkcs8 -topk8 -nocrypt",
            ));
        };
        let der = key.secret_pkcs8_der();
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return Ok(Self::Rsa(Box::new(pair)));
        }
        let random = SystemRandom::new();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random) {
            return Ok(Self::P256(pair));
        }
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Self::Ed25519)
            .map_err(|_| ClientError::Key("it is neither RSA of 2048 bits, P-256 nor Ed25519"))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, random: &SystemRandom, message: &[u8]) -> Result<Vec<u8>, ClientError> {
        let failed = |_| ClientError::Key("it does not sign");
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::P256(pair) => {
                let signature = pair.sign(random, message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}
