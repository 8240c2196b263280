//! Leads a person through signing in: by a code that they type elsewhere (RFC 8628), or in a browser
//! on this machine (authorization code with PKCE, RFC 7636, answered on loopback, RFC 8252).
//!
//! Not its job: to believe what the provider answers. It hands the ID token on to the daemon, which
//! does. The access and refresh tokens that come along are dropped.

mod callback;

use std::{io, time::Duration};

use openidconnect::{
    AuthenticationFlow, AuthorizationCode, ClientId, ConfigurationError, CsrfToken,
    DeviceAuthorizationUrl, Nonce, PkceCodeChallenge, RedirectUrl, RequestTokenError, Scope,
    TokenResponse as _,
    core::{CoreClient, CoreDeviceAuthorizationResponse, CoreResponseType, CoreTokenResponse},
    url::Url,
};
use secrecy::SecretString;
use tokio::time::timeout;

use self::callback::Callback;
use super::{Http, HttpError, Offer, ProviderError, provider::discover};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a provider gave for a person.
#[derive(Debug)]
pub struct IdToken {
    /// The token.
    pub token: SecretString,
    /// The nonce that it must have.
    pub nonce: Option<String>,
}

/// What a person is told to do elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Where to go.
    pub url: String,
    /// What to type there.
    pub code: String,
    /// Where to go instead without having to type, where the provider has that.
    pub complete: Option<String>,
}

/// Why nobody could be signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider can't be found or asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// It has no device flow.
    #[error(
        "the provider has no device flow; sign in with a browser instead: weir login --browser"
    )]
    NoDeviceFlow,
    /// It refuses.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// What it answers can't be used.
    #[error("the provider's answer can't be used: {0}")]
    Answer(String),
    /// Nobody came back in time.
    #[error("nobody signed in within {} minutes", PATIENCE.as_secs() / 60)]
    TimedOut,
    /// The listener on loopback failed.
    #[error("can't listen on 127.0.0.1 for the browser's answer: {0}")]
    Listen(io::Error),
}

impl From<HttpError> for LoginError {
    fn from(error: HttpError) -> Self {
        Self::Provider(error.into())
    }
}

impl From<ConfigurationError> for LoginError {
    fn from(error: ConfigurationError) -> Self {
        Self::Answer(error.to_string())
    }
}

/// By a code: `show` tells the person where to type it.
///
/// # Errors
/// When the provider refuses, or nobody typed it in time.
pub async fn device(offer: &Offer, show: impl FnOnce(&Elsewhere)) -> Result<IdToken, LoginError> {
    let http = Http::new(offer.ca.as_deref())?;
    let metadata = discover(&offer.issuer, &http).await?;
    let endpoint = metadata
        .additional_metadata()
        .device_authorization_endpoint
        .clone();
    let endpoint = endpoint.ok_or(LoginError::NoDeviceFlow)?;
    let endpoint = DeviceAuthorizationUrl::new(endpoint)
        .map_err(|error| LoginError::Answer(error.to_string()))?;
    let client_id = ClientId::new(offer.client_id.clone());
    let client = CoreClient::from_provider_metadata(metadata, client_id, None)
        .set_auth_type(openidconnect::AuthType::RequestBody)
        .set_device_authorization_url(endpoint);
    let details: CoreDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scopes(scopes(offer))
        .request_async(&http)
        .await
        .map_err(refused)?;
    show(&Elsewhere {
        url: details.verification_uri().to_string(),
        code: details.user_code().secret().clone(),
        complete: details
            .verification_uri_complete()
            .map(|complete| complete.secret().clone()),
    });
    let answer = client
        .exchange_device_access_token(&details)?
        .request_async(&http, tokio::time::sleep, Some(PATIENCE))
        .await
        .map_err(refused)?;
    Ok(IdToken {
        token: id_token(&answer)?,
        nonce: None,
    })
}

/// In a browser: `open` gets the page that it should show.
///
/// # Errors
/// When the provider refuses, or nobody came back in time.
pub async fn browser(offer: &Offer, open: impl FnOnce(&Url)) -> Result<IdToken, LoginError> {
    let http = Http::new(offer.ca.as_deref())?;
    let metadata = discover(&offer.issuer, &http).await?;
    let callback = Callback::bind().await.map_err(LoginError::Listen)?;
    let client_id = ClientId::new(offer.client_id.clone());
    let redirect =
        RedirectUrl::new(callback.url()).map_err(|error| LoginError::Answer(error.to_string()))?;
    let client = CoreClient::from_provider_metadata(metadata, client_id, None)
        .set_auth_type(openidconnect::AuthType::RequestBody)
        .set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(scopes(offer))
        .set_pkce_challenge(challenge)
        .url();
    open(&url);
    let code = timeout(PATIENCE, callback.code(state.secret(), &offer.issuer))
        .await
        .map_err(|_| LoginError::TimedOut)??;
    let answer = client
        .exchange_code(AuthorizationCode::new(code))?
        .set_pkce_verifier(verifier)
        .request_async(&http)
        .await
        .map_err(refused)?;
    Ok(IdToken {
        token: id_token(&answer)?,
        nonce: Some(nonce.secret().clone()),
    })
}

/// What to ask for; `openid` is asked for by itself.
fn scopes(offer: &Offer) -> Vec<Scope> {
    let wanted = offer.scopes.iter().filter(|scope| *scope != "openid");
    wanted.cloned().map(Scope::new).collect()
}

fn id_token(answer: &CoreTokenResponse) -> Result<SecretString, LoginError> {
    let token = answer.id_token();
    let token = token.ok_or_else(|| LoginError::Answer("it holds no ID token".to_owned()))?;
    Ok(token.to_string().into())
}

fn refused<T>(error: RequestTokenError<HttpError, T>) -> LoginError
where
    T: openidconnect::ErrorResponse + std::fmt::Display,
{
    match error {
        RequestTokenError::ServerResponse(said) => {
            let said: String = said.to_string().chars().take(256).collect();
            LoginError::Refused(said.escape_debug().to_string())
        }
        RequestTokenError::Request(error) => error.into(),
        RequestTokenError::Parse(error, _) => LoginError::Answer(error.to_string()),
        RequestTokenError::Other(problem) => LoginError::Answer(problem),
    }
}
