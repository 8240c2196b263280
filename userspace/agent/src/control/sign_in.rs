//! Signing in and out.
//!
//! Job: say by which providers people sign in, take what a client brings from one, and give it a
//! token for it, once. Open to every local user that is not governed; what can be tried is bounded.
//!
//! Not its job: to verify what is brought (`weir-identity`), or to lead a person through a
//! provider's pages (the command line).

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use weir_identity::{Evidence, Offer, SignInRefused, saml::Begun};

use super::{
    caller::{self, Caller},
    error::ApiError,
    rooms::SignInRoom,
};
use crate::audit::AuditEvent;

/// Longest evidence, in bytes: the longest SAML response, in base64.
const EVIDENCE_LIMIT: usize = 512 * 1024;

/// By which providers people sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Providers {
    /// Each, by name.
    pub providers: Vec<Offer>,
}

/// By which provider somebody begins to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Its declared name.
    pub provider: String,
}

/// Who signed in. The only answer that ever holds the token.
#[derive(Serialize, Deserialize)]
pub struct SignedIn {
    /// What shows who they are from here on.
    pub token: String,
    /// As policies and approvals name them.
    pub id: String,
    /// What people call them.
    pub name: Option<String>,
    /// Their groups and roles.
    pub groups: Vec<String>,
    /// When they must sign in again.
    pub expires: Timestamp,
}

/// Whether anybody was signed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOut {
    /// False where the sign-in was over already.
    pub signed_out: bool,
}

pub(super) fn router<D: SignInRoom>() -> Router<D> {
    Router::new()
        .route("/v1/providers", get(providers::<D>))
        .route(
            "/v1/sign-in",
            post(sign_in::<D>).layer(DefaultBodyLimit::max(EVIDENCE_LIMIT)),
        )
        .route("/v1/sign-in/begin", post(begin::<D>))
        .route("/v1/sign-out", post(sign_out::<D>))
}

async fn providers<D: SignInRoom>(State(daemon): State<D>) -> Json<Providers> {
    let providers = daemon.sign_ins().offers();
    Json(Providers { providers })
}

async fn begin<D: SignInRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Json(Begin { provider }): Json<Begin>,
) -> Result<Json<Begun>, ApiError> {
    let uid = not_yet_known(&caller)?;
    let begun = daemon.sign_ins().begin(&provider, uid, Timestamp::now());
    begun.map(Json).map_err(|refused| answer(&refused))
}

async fn sign_in<D: SignInRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    Json(evidence): Json<Evidence>,
) -> Result<Json<SignedIn>, ApiError> {
    let uid = not_yet_known(&caller)?;
    let now = Timestamp::now();
    let person = daemon.sign_ins().verify(&evidence, uid, now).await;
    let (provider, user) = (evidence.provider(), &*caller.name());
    let person = person.map_err(|refused| {
        tracing::warn!(uid, %refused, "nobody is signed in");
        match refused {
            // Nothing was looked at, and nothing bounds how often it is tried.
            SignInRefused::UnknownProvider { .. }
            | SignInRefused::Busy
            | SignInRefused::TooFast { .. } => {}
            _ => daemon.audit(&AuditEvent::SignInFailed {
                subject: user,
                provider,
                reason: &refused.to_string(),
            }),
        }
        answer(&refused)
    })?;
    let signed = daemon.people().sign_in(person, now).map_err(|error| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "sign_in_failed", &error)
    })?;
    let person = signed.person;
    tracing::info!(uid, person = person.id, expires = %person.expires, "signed in");
    daemon.audit(&AuditEvent::SignedIn {
        subject: &person.id,
        groups: &person.groups,
        provider,
        user,
    });
    Ok(Json(SignedIn {
        token: signed.token.expose_secret().to_owned(),
        id: person.id.clone(),
        name: person.name.clone(),
        groups: person.groups.clone(),
        expires: person.expires,
    }))
}

async fn sign_out<D: SignInRoom>(
    State(daemon): State<D>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Json<SignedOut>, ApiError> {
    let token = caller::token(&headers)
        .ok_or_else(|| caller::not_signed_in("nobody is signed in by this request"))?;
    let signed_out = daemon.people().sign_out(token);
    if signed_out {
        daemon.audit(&AuditEvent::SignedOut {
            subject: &caller.name(),
        });
    }
    Ok(Json(SignedOut { signed_out }))
}

/// The local user who signs in.
fn not_yet_known(caller: &Caller) -> Result<u32, ApiError> {
    match caller {
        Caller::Operator { uid } | Caller::Stranger { uid } => Ok(*uid),
        Caller::Person(_) => {
            let message = "you are signed in already";
            Err(ApiError::new(StatusCode::CONFLICT, "signed_in", message)
                .with_help("sign out first: weir logout"))
        }
    }
}

fn answer(refused: &SignInRefused) -> ApiError {
    match refused {
        SignInRefused::UnknownProvider { known, .. } => {
            let help = if known.is_empty() {
                "declare one in weir.toml: [[provider]] with a client_id".to_owned()
            } else {
                format!("providers are: {}", known.join(", "))
            };
            ApiError::new(StatusCode::NOT_FOUND, "unknown_provider", refused).with_help(help)
        }
        SignInRefused::Busy | SignInRefused::TooFast { .. } => {
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many", refused)
        }
        SignInRefused::Used | SignInRefused::Unverified(_) | SignInRefused::Oidc(_) => {
            ApiError::new(StatusCode::UNAUTHORIZED, "unverified", refused)
                .with_help("sign in anew: weir login")
        }
    }
}
