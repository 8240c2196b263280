//! Who a person is by an ID token (OpenID Connect Core 1.0, sections 2 and 3.1.3.7).

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Provider, TokenError};
use crate::{Person, groups::GroupsError};

/// How old an ID token may be when somebody signs in with it. One that was stolen later is of no use.
pub(crate) const FRESH: SignedDuration = SignedDuration::from_mins(10);
const TYPES: [&str; 1] = ["jwt"];

/// Why an ID token signs nobody in.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// People don't sign in by this provider.
    #[error("people don't sign in by this provider: it has no `client_id`")]
    NotForPeople,
    /// It proves nothing.
    #[error("the ID token is refused: {0}")]
    Token(#[from] TokenError),
    /// It was not asked for by this client now.
    #[error("the ID token is refused: it was given for another sign-in (nonce)")]
    Nonce,
    /// It is too old.
    #[error("the ID token is refused: it was issued at {0}, which is too long ago")]
    Old(Timestamp),
    /// Its groups make no sense.
    #[error("the ID token is refused: {0}")]
    Groups(#[from] GroupsError),
}

impl Provider {
    /// Who this ID token is of; it must have this nonce, or none.
    ///
    /// # Errors
    /// When it proves nothing.
    pub async fn person(
        &self,
        id_token: &SecretString,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Person, PersonError> {
        let settings = self.settings();
        let client = settings.client_id.as_deref();
        let client = client.ok_or(PersonError::NotForPeople)?;
        let token = id_token.expose_secret();
        let claims = self.verify(token, (client, &TYPES), now).await?;
        let party = claims.all.get("azp");
        if party.is_some_and(|party| party.as_str() != Some(client))
            || (party.is_none() && claims.audiences()?.len() > 1)
        {
            return Err(TokenError::Party.into());
        }
        if claims.text("nonce") != nonce || claims.all.get("nonce").is_some() != nonce.is_some() {
            return Err(PersonError::Nonce);
        }
        let issued = claims.issued.ok_or(TokenError::Claim("iat"))?;
        if now.duration_since(issued) > FRESH {
            return Err(PersonError::Old(issued));
        }
        let id = format!("oidc:{}#{}", settings.issuer, claims.subject()?);
        let email = claims.text("email").filter(|email| is_plain(email));
        let verified = claims.all.get("email_verified") == Some(&Value::Bool(true));
        let name = email.or_else(|| claims.text("preferred_username"));
        let name = name.or_else(|| claims.text("name")).filter(|n| is_plain(n));
        let lasts = settings.sign_in_for.map(SignedDuration::try_from);
        let expires = match lasts {
            Some(Ok(lasts)) => now.saturating_add(lasts).unwrap_or(claims.expires),
            _ => claims.expires,
        };
        Ok(Person {
            id,
            name: name.map(str::to_owned),
            aliases: email
                .filter(|_| verified)
                .map(str::to_owned)
                .into_iter()
                .collect(),
            groups: settings.groups.of(&claims.all)?,
            expires,
        })
    }
}

/// Whether a text can be shown and compared. One that looks like an id of weir's own kinds can't be
/// an alias: it would mean somebody else.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && !text.contains(char::is_control)
        && !text.contains([':', '#', '/'])
}
