//! Signing people in: which providers vouch for people, and what they vouch with.

mod evidence;
mod pace;
mod refused;
mod saml;
mod used;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

pub use self::{evidence::Evidence, refused::SignInRefused};
use self::{pace::Pace, used::Used};
use crate::{
    Person, oidc,
    saml::{self as service, ServiceProvider},
};

/// Most pieces of evidence that are verified at a time: each may wait for its provider.
const AT_ONCE: usize = 16;

/// What vouches for people.
#[derive(Debug)]
pub enum Provider {
    /// An OpenID Connect provider.
    Oidc(oidc::Provider),
    /// A SAML identity provider.
    Saml(Arc<ServiceProvider>),
}

/// A provider by which people may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its declared name.
    pub name: String,
    /// How.
    #[serde(flatten)]
    pub way: Way,
}

/// How a person signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Way {
    /// By OpenID Connect.
    Oidc(oidc::Offer),
    /// By SAML.
    Saml(service::Offer),
}

/// The providers, and how fast they may be made to work.
#[derive(Debug)]
pub struct SignIns {
    providers: BTreeMap<String, Provider>,
    verifying: Semaphore,
    pace: Pace,
    used: Used,
}

impl SignIns {
    /// Of these providers, by their declared names.
    pub fn new(providers: impl IntoIterator<Item = (String, Provider)>) -> Self {
        Self {
            providers: providers.into_iter().collect(),
            verifying: Semaphore::new(AT_ONCE),
            pace: Pace::default(),
            used: Used::default(),
        }
    }

    /// By which people may sign in, by name.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        let offer = |(name, provider): (&String, &Provider)| {
            let way = match provider {
                Provider::Oidc(provider) => Way::Oidc(provider.settings().offer()?),
                Provider::Saml(provider) => Way::Saml(provider.settings().offer()),
            };
            let name = name.clone();
            Some(Offer { name, way })
        };
        self.providers.iter().filter_map(offer).collect()
    }

    /// Whom this evidence is of. `uid` is the local user who brings it.
    ///
    /// # Errors
    /// When it proves nothing, or too much was brought already.
    pub async fn verify(
        &self,
        evidence: &Evidence,
        uid: u32,
        now: Timestamp,
    ) -> Result<Person, SignInRefused> {
        self.pace.step(uid, now)?;
        let _turn = self
            .verifying
            .try_acquire()
            .map_err(|_| SignInRefused::Busy)?;
        match evidence {
            Evidence::Oidc {
                provider,
                id_token,
                nonce,
            } => {
                let Some(Provider::Oidc(known)) = self.providers.get(provider) else {
                    return Err(self.unknown(provider));
                };
                let person = known.person(id_token, nonce.as_deref(), now).await?;
                // As long as it would be fresh enough otherwise.
                let until = now + oidc::FRESH + oidc::FRESH;
                if !self.used.first(id_token.expose_secret(), until, now) {
                    return Err(SignInRefused::Used);
                }
                Ok(person)
            }
            Evidence::Saml {
                provider,
                request,
                response,
            } => self.answered(provider, request, response, now).await,
        }
    }

    fn unknown(&self, name: &str) -> SignInRefused {
        let known = self.offers().into_iter().map(|offer| offer.name);
        SignInRefused::UnknownProvider {
            name: name.chars().take(64).collect(),
            known: known.collect(),
        }
    }
}
