//! Where a workload's token comes from, and whom it is held to be of.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use weir_policy::Subject;

use super::file::{FileError, Stamp, TokenFile};
use crate::{
    groups::GroupsError,
    oidc::{
        Client, ClientError, Provider, TokenError,
        token::{Claims, subject_of},
    },
    spiffe::{SvidError, Trust},
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Where a workload's token comes from.
#[derive(Debug)]
pub enum Source {
    /// A file that the platform writes and renews.
    File {
        /// Who vouches.
        provider: Provider,
        /// The file.
        path: PathBuf,
    },
    /// The provider, which knows weir's client (RFC 6749, section 4.4).
    Credentials {
        /// Who vouches.
        provider: Provider,
        /// The client.
        client: Client,
        /// What is asked for, beside the audience.
        parameters: Vec<(&'static str, String)>,
    },
    /// The provider, which gives for a person's token one that the workload acts by (RFC 8693).
    Exchange {
        /// Who vouches.
        provider: Provider,
        /// The client; it is the actor where no other is named.
        client: Client,
        /// The person's access token.
        subject: PathBuf,
        /// The workload's own token, where it has one.
        actor: Option<PathBuf>,
        /// What is asked for, beside the audience.
        parameters: Vec<(&'static str, String)>,
    },
    /// A file with a JWT-SVID.
    Svid {
        /// Who vouches.
        trust: Arc<Trust>,
        /// The file.
        path: PathBuf,
    },
}

/// Why there is no verified token.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file gives none.
    #[error(transparent)]
    File(#[from] FileError),
    /// The provider gives none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It proves nothing.
    #[error("the token {place} is refused: {error}")]
    Token {
        /// Where it came from.
        place: String,
        /// What is wrong.
        error: TokenError,
    },
    /// An SVID that proves nothing.
    #[error("{}: {error}", path.display())]
    Svid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: SvidError,
    },
    /// Its groups make no sense.
    #[error(transparent)]
    Groups(#[from] GroupsError),
    /// It names no actor, so that the workload would pass for the person.
    #[error("the provider gave a token without `act`: it would make the workload the person")]
    NoActor,
    /// It names an actor of somebody else's.
    #[error("the token's actor is not of the same issuer")]
    Actor,
}

/// A token that holds.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) token: SecretString,
    pub(super) subject: Subject,
    pub(super) expires: Timestamp,
}

impl Source {
    /// The provider and the client that may ask it whether a token still holds.
    pub(super) fn provider(&self) -> Option<&Provider> {
        match self {
            Self::File { provider, .. }
            | Self::Credentials { provider, .. }
            | Self::Exchange { provider, .. } => Some(provider),
            Self::Svid { .. } => None,
        }
    }

    /// Whether a new token can be asked for, or has to be waited for.
    pub(super) fn can_renew(&self) -> bool {
        matches!(self, Self::Credentials { .. } | Self::Exchange { .. })
    }

    /// What its files are now.
    pub(super) fn stamps(&self) -> [Stamp; 2] {
        let stamp = |path: &PathBuf| TokenFile(path.clone()).stamp();
        match self {
            Self::File { path, .. } | Self::Svid { path, .. } => [stamp(path), Stamp::default()],
            Self::Credentials { .. } => Default::default(),
            Self::Exchange { subject, actor, .. } => [
                stamp(subject),
                actor.as_ref().map(stamp).unwrap_or_default(),
            ],
        }
    }

    /// Obtains a token and verifies it.
    pub(super) async fn obtain(
        &self,
        audience: &str,
        now: Timestamp,
    ) -> Result<Obtained, SourceError> {
        let (provider, token, place) = match self {
            Self::File { provider, path } => {
                let token = TokenFile(path.clone()).read()?;
                (provider, token, format!("in {}", path.display()))
            }
            Self::Svid { trust, path } => {
                let token = TokenFile(path.clone()).read()?;
                let verified = trust.verify(token.expose_secret(), audience, now).await;
                let (subject, expires) = verified.map_err(|error| SourceError::Svid {
                    path: path.clone(),
                    error,
                })?;
                return Ok(Obtained {
                    token,
                    subject,
                    expires,
                });
            }
            Self::Credentials {
                provider,
                client,
                parameters,
            } => {
                let mut form = vec![("grant_type", "client_credentials")];
                form.extend(
                    parameters
                        .iter()
                        .map(|(name, value)| (*name, value.as_str())),
                );
                let token = client.token(provider, &form).await?;
                (provider, token, "that the provider gave".to_owned())
            }
            Self::Exchange {
                provider,
                client,
                subject,
                actor,
                parameters,
            } => {
                let token = exchange(provider, client, (subject, actor), parameters).await?;
                (
                    provider,
                    token,
                    "that the provider gave in exchange".to_owned(),
                )
            }
        };
        let verified = provider
            .verify_workload(token.expose_secret(), audience, now)
            .await;
        let claims = verified.map_err(|error| SourceError::Token { place, error })?;
        let subject = subject(provider, &claims)?;
        if matches!(self, Self::Exchange { .. }) && subject.on_behalf_of.is_none() {
            return Err(SourceError::NoActor);
        }
        Ok(Obtained {
            token,
            subject,
            expires: claims.expires,
        })
    }
}

async fn exchange(
    provider: &Provider,
    client: &Client,
    (subject, actor): (&PathBuf, &Option<PathBuf>),
    parameters: &[(&'static str, String)],
) -> Result<SecretString, SourceError> {
    let person = TokenFile(subject.clone()).read()?;
    let workload = match actor {
        Some(path) => Some(TokenFile(path.clone()).read()?),
        None => None,
    };
    let mut form = vec![
        ("grant_type", EXCHANGE),
        ("requested_token_type", ACCESS_TOKEN),
        ("subject_token", person.expose_secret()),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    if let Some(workload) = &workload {
        form.push(("actor_token", workload.expose_secret()));
        form.push(("actor_token_type", JWT));
    }
    form.extend(
        parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    );
    Ok(client.token(provider, &form).await?)
}

/// Whom claims are of. Where they name an actor (RFC 8693, section 4.1) the workload is that, and
/// acts on behalf of whom they are about.
fn subject(provider: &Provider, claims: &Claims) -> Result<Subject, SourceError> {
    let settings = provider.settings();
    let issuer = &settings.issuer;
    let refused = |error| SourceError::Token {
        place: format!("of {issuer}"),
        error,
    };
    let about = claims.subject().map_err(refused)?;
    let about = format!("oidc:{issuer}#{about}");
    let groups = settings.groups.of(&claims.all)?;
    let Some(actor) = claims.all.get("act") else {
        return Ok(Subject {
            id: about,
            groups,
            on_behalf_of: None,
        });
    };
    let named = actor.get("iss").map(Value::as_str);
    if named.is_some_and(|named| named != Some(issuer)) {
        return Err(SourceError::Actor);
    }
    let actor = subject_of(actor).map_err(refused)?;
    Ok(Subject {
        id: format!("oidc:{issuer}#{actor}"),
        groups,
        on_behalf_of: Some(about),
    })
}
