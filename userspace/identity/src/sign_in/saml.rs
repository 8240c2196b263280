//! Signing in by SAML takes two steps: a request, and the answer to it.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Provider, SignInRefused, SignIns};
use crate::{
    Person,
    saml::{Begun, Refused, ServiceProvider},
};

impl SignIns {
    /// Begins a sign-in by this provider, for a local user.
    ///
    /// # Errors
    /// When it isn't a SAML provider, or too much is under way.
    pub fn begin(&self, provider: &str, uid: u32, now: Timestamp) -> Result<Begun, SignInRefused> {
        self.pace.step(uid, now)?;
        self.service(provider)?.begin(now).map_err(Into::into)
    }

    pub(super) async fn answered(
        &self,
        provider: &str,
        request: &str,
        response: &SecretString,
        now: Timestamp,
    ) -> Result<Person, SignInRefused> {
        let service = Arc::clone(self.service(provider)?);
        let (request, response) = (request.to_owned(), response.clone());
        // Canonicalisation and arithmetic, on what may be made to take long.
        let verified = tokio::task::spawn_blocking(move || {
            service.verify(&request, response.expose_secret(), now)
        });
        verified
            .await
            .map_err(|error| SignInRefused::Unverified(error.to_string()))?
            .map_err(Into::into)
    }

    fn service(&self, provider: &str) -> Result<&Arc<ServiceProvider>, SignInRefused> {
        match self.providers.get(provider) {
            Some(Provider::Saml(service)) => Ok(service),
            _ => Err(self.unknown(provider)),
        }
    }
}

impl From<Refused> for SignInRefused {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Busy,
            refused => Self::Unverified(refused.to_string()),
        }
    }
}
