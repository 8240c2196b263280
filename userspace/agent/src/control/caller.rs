//! Who calls, and which routes are for them.
//!
//! Job: name the caller once, where a connection's peer is admitted, and hold routes to those whom
//! they are for. An operator is known by the kernel's word, a person by the token of their sign-in;
//! whoever shows a token is that person and nobody else, also when root does.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use nix::unistd::{Uid, User};
use weir_identity::Person;

use super::error::ApiError;

/// Longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 4096;

/// Who calls.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Root or the daemon's own user.
    Operator {
        /// Their user.
        uid: u32,
    },
    /// Somebody who is signed in.
    Person(Arc<Person>),
    /// A local user of whom nothing else is known: all they can do is sign in.
    Stranger {
        /// Their user.
        uid: u32,
    },
}

impl Caller {
    /// As records and the audit log name them.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Operator { uid } | Self::Stranger { uid } => {
                match User::from_uid(Uid::from_raw(*uid)) {
                    Ok(Some(user)) => format!("unix:{}", user.name),
                    _ => format!("uid {uid}"),
                }
            }
            Self::Person(person) => person.id.clone(),
        }
    }
}

/// The token that a request shows (RFC 6750, section 2.1), if it shows one.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?.trim();
    (token.len() <= LONGEST_TOKEN).then_some(token)
}

/// Routes that are for operators alone.
pub(super) fn operators<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.route_layer(from_fn(only_operators))
}

async fn only_operators(request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(Caller::Operator { .. }) => next.run(request).await,
        _ => ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this is for root and the daemon's own user",
        )
        .with_help("run the command as root, outside of governed cgroups")
        .into_response(),
    }
}

/// Nobody who is known calls.
pub(super) fn not_signed_in(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "not_signed_in", message).with_help("run: weir login")
}
