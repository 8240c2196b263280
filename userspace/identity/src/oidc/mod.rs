//! OpenID Connect: what a provider says of people and workloads, held to be true only once verified.

mod algorithm;
mod settings;

pub use self::{
    algorithm::Algorithm,
    settings::{IssuerError, Offer, Settings, issuer},
};
