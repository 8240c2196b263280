//! OpenID Connect: what a provider says of people and workloads, held to be true only once verified.
//!
//! [`Provider`] is one as the daemon sees it; [`login`] is what the command line does to have a
//! person sign in by one.

mod algorithm;
mod client;
mod http;
mod keys;
pub mod login;
mod person;
mod provider;
mod settings;
pub(crate) mod token;

pub use self::{
    algorithm::Algorithm,
    client::{Client, ClientError, ClientKey, Secret},
    http::{Http, HttpError},
    keys::KeysError,
    person::PersonError,
    provider::{Provider, ProviderError},
    settings::{IssuerError, Offer, Settings, issuer},
    token::TokenError,
};
pub(crate) use self::{
    keys::{KeySource, Keys},
    person::FRESH,
};
