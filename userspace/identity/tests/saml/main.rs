//! SAML with a real identity provider: SimpleSAMLphp signs people in, and what it says is taken as
//! it is, or refused once changed.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod forged;
mod provider;
mod signed_in;
mod wrapped;
