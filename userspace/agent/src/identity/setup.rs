//! Providers and keepers, as they are declared.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use secrecy::SecretString;
use weir_identity::{
    SignIns,
    oidc::{self, Client, ClientKey},
    saml::ServiceProvider,
    spiffe::Trust,
    workload::{Introspection, Keeper, Source},
};

use super::registry::RegistryError;
use crate::config::{
    self, ClientAuth, Config, Identity, IdentityKind, Introspect, OidcIdentity, OidcSource,
    ProviderKind, SpiffeIdentity,
};

/// The providers, by name: one each, whoever uses it.
#[derive(Clone, Debug, Default)]
pub struct Providers(BTreeMap<String, Provider>);

#[derive(Clone, Debug)]
enum Provider {
    Oidc(oidc::Provider),
    Saml(Arc<ServiceProvider>),
}

impl Providers {
    /// Those of a configuration.
    ///
    /// # Errors
    /// When one can't be used.
    pub fn new(config: &Config) -> Result<Self, RegistryError> {
        let made = |declared: &Arc<config::Provider>| {
            let name = declared.name.to_string();
            let provider = match &declared.kind {
                ProviderKind::Oidc(settings) => {
                    let provider = oidc::Provider::new(settings.clone());
                    Provider::Oidc(provider.map_err(|error| wrong(&name, &error))?)
                }
                ProviderKind::Saml(settings) => {
                    let service = ServiceProvider::new((**settings).clone());
                    Provider::Saml(Arc::new(service))
                }
            };
            Ok((name, provider))
        };
        config
            .providers
            .iter()
            .map(made)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// By what people sign in.
    #[must_use]
    pub fn sign_ins(&self) -> SignIns {
        SignIns::new(self.0.iter().map(|(name, provider)| {
            let provider = match provider {
                Provider::Oidc(provider) => weir_identity::Provider::Oidc(provider.clone()),
                Provider::Saml(service) => weir_identity::Provider::Saml(Arc::clone(service)),
            };
            (name.clone(), provider)
        }))
    }

    fn oidc(&self, name: &str) -> Result<&oidc::Provider, RegistryError> {
        match self.0.get(name) {
            Some(Provider::Oidc(provider)) => Ok(provider),
            Some(Provider::Saml(_)) => Err(wrong(name, &"it vouches for people only")),
            None => Err(wrong(name, &"it is not declared")),
        }
    }
}

fn wrong(name: &str, problem: &dyn std::fmt::Display) -> RegistryError {
    RegistryError::Provider {
        name: name.to_owned(),
        problem: problem.to_string(),
    }
}

/// What keeps an identity verified, where it has to be.
pub(super) fn keeper(
    identity: &Identity,
    providers: &Providers,
) -> Result<Option<Keeper>, RegistryError> {
    match &identity.kind {
        IdentityKind::Static { .. } | IdentityKind::Unix => Ok(None),
        IdentityKind::Oidc(declared) => by_token(declared, providers).map(Some),
        IdentityKind::Spiffe(declared) => by_svid(identity, declared).map(Some),
    }
}

fn by_token(declared: &OidcIdentity, providers: &Providers) -> Result<Keeper, RegistryError> {
    let name = declared.provider.as_str();
    let provider = providers.oidc(name)?.clone();
    let client = declared.client.as_ref().map(client);
    let needed = || {
        client
            .clone()
            .ok_or_else(|| wrong(name, &"it knows no client"))
    };
    let mut parameters = Vec::new();
    if !declared.scopes.is_empty() {
        parameters.push(("scope", declared.scopes.join(" ")));
    }
    match &declared.resource {
        Some(resource) => parameters.push(("resource", resource.clone())),
        None => parameters.push(("audience", declared.audience.clone())),
    }
    let source = match &declared.source {
        OidcSource::TokenFile(path) => Source::File {
            provider,
            path: path.clone(),
        },
        OidcSource::ClientCredentials => Source::Credentials {
            provider,
            client: needed()?,
            parameters,
        },
        OidcSource::TokenExchange { subject, actor } => Source::Exchange {
            provider,
            client: needed()?,
            subject: subject.clone(),
            actor: actor.clone(),
            parameters,
        },
    };
    let introspection = match declared.introspect {
        Some(Introspect {
            every,
            unreachable_grace,
        }) => Some(Introspection {
            client: needed()?,
            every,
            unreachable_grace,
        }),
        None => None,
    };
    Ok(Keeper {
        source,
        audience: declared.audience.clone(),
        introspection,
    })
}

fn by_svid(identity: &Identity, declared: &SpiffeIdentity) -> Result<Keeper, RegistryError> {
    let trust = Trust::new(
        declared.trust_domain.clone(),
        declared.spiffe_id.clone(),
        declared.groups.clone(),
        declared.clock_skew,
        declared.bundle.clone(),
    );
    let trust = trust.map_err(|error| wrong(identity.name.as_str(), &error))?;
    Ok(Keeper {
        source: Source::Svid {
            trust: Arc::new(trust),
            path: declared.svid_file.clone(),
        },
        audience: declared.audience.clone(),
        introspection: None,
    })
}

fn client(declared: &ClientAuth) -> Client {
    let key = match declared.key.clone() {
        Ok(password) => ClientKey::Secret(Arc::new(move || {
            password.read().map_err(|error| error.to_string())
        })),
        Err(path) => ClientKey::Key(Arc::new(move || key(&path))),
    };
    Client {
        id: declared.id.clone(),
        key,
    }
}

fn key(path: &Path) -> Result<SecretString, String> {
    config::private_key(path).map_err(|error| error.to_string())
}
