//! `[[provider]]`: who vouches for people and workloads.

mod oidc;
mod saml;
mod words;

use std::sync::Arc;

use super::{name::ProviderName, stanza::Stanza, table::Table};

/// A declared provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name.
    pub name: ProviderName,
    /// How it vouches.
    pub kind: ProviderKind,
}

/// How a provider vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// By OpenID Connect.
    Oidc(weir_identity::oidc::Settings),
    /// By SAML.
    Saml(Box<weir_identity::saml::Settings>),
}

#[derive(Clone, Copy)]
enum Kind {
    Oidc,
    Saml,
}

pub(super) fn read(mut table: Table<'_>) -> Stanza<ProviderName, Arc<Provider>> {
    let name = table
        .required("name", "name = \"corp\"")
        .and_then(|v| v.located::<ProviderName>());
    let kind = table
        .required("kind", "kind = \"oidc\"")
        .and_then(|v| v.one_of(&[("oidc", Kind::Oidc), ("saml", Kind::Saml)]));
    // Each kind has keys of its own: where the kind is wrong, none of them can be judged.
    let kind = kind.and_then(|kind| match kind {
        Kind::Oidc => oidc::read(table).map(ProviderKind::Oidc),
        Kind::Saml => saml::read(table).map(Box::new).map(ProviderKind::Saml),
    });
    let value = (|| {
        let name = name.as_ref()?.get_ref().clone();
        Some(Arc::new(Provider { name, kind: kind? }))
    })();
    Stanza { name, value }
}
