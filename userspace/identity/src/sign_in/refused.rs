//! Why somebody is not signed in.

use crate::oidc::PersonError;

/// Why evidence makes nobody known.
#[derive(Debug, thiserror::Error)]
pub enum SignInRefused {
    /// No provider for people has this name.
    #[error("no provider for people is called `{name}`")]
    UnknownProvider {
        /// What was asked for.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// As much is being verified as can be. A retry helps.
    #[error("too many sign-ins are being verified; try again in a moment")]
    Busy,
    /// This local user has tried too often. A retry helps later.
    #[error("uid {uid} has tried to sign in too often; try again in a minute")]
    TooFast {
        /// Who.
        uid: u32,
    },
    /// Somebody has signed in with it before.
    #[error("this was used to sign in already")]
    Used,
    /// The evidence does not hold.
    #[error("{0}")]
    Unverified(String),
    /// An ID token does not hold.
    #[error(transparent)]
    Oidc(#[from] PersonError),
}
