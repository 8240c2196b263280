//! `[[identity]]` with `kind = "oidc"`: a workload that a token speaks for.

use std::{path::PathBuf, sync::Arc, time::Duration};

use toml::Spanned;

use crate::config::{
    PasswordSource, duration,
    invalid::{InvalidValue, quoted},
    name::ProviderName,
    path,
    provider::{Provider, ProviderKind},
    report::Report,
    stanza::Declared,
    table::Table,
    value::Value,
};

/// How long a token is still believed while its provider can't be asked, unless told.
const UNREACHABLE_GRACE: Duration = Duration::from_mins(5);

/// A workload that a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcIdentity {
    /// Who vouches; it is declared, and of kind "oidc".
    pub provider: ProviderName,
    /// For whom the token must be meant.
    pub audience: String,
    /// Where it comes from.
    pub source: OidcSource,
    /// As what weir asks the provider.
    pub client: Option<ClientAuth>,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// For which resource (RFC 8707).
    pub resource: Option<String>,
    /// How the provider is asked whether the token still holds.
    pub introspect: Option<Introspect>,
}

/// How a provider is asked whether a token still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introspect {
    /// How often.
    pub every: Duration,
    /// How long a token is still believed while the provider can't be asked.
    pub unreachable_grace: Duration,
}

/// Where a workload's token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OidcSource {
    /// A file that the platform writes and renews.
    TokenFile(PathBuf),
    /// The provider, which knows the client.
    ClientCredentials,
    /// The provider, for a person's token.
    TokenExchange {
        /// The person's token.
        subject: PathBuf,
        /// The workload's own.
        actor: Option<PathBuf>,
    },
}

/// As what weir asks a provider. Holds no secret, only where one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// Its registered name.
    pub id: String,
    /// Where its secret is, or its private key.
    pub key: Result<PasswordSource, PathBuf>,
}

pub(super) fn read(
    table: &mut Table<'_>,
    providers: &Declared<ProviderName, Arc<Provider>>,
    report: &Report<'_>,
) -> Option<OidcIdentity> {
    let provider = table
        .required("provider", "provider = \"…\", the name of a [[provider]]")
        .and_then(|v| v.located::<ProviderName>());
    if let Some(name) = &provider
        && let Some(Some(found)) = providers.look_up(name, report)
        && !matches!(found.kind, ProviderKind::Oidc(_))
    {
        let wrong = InvalidValue::new("this provider doesn't vouch for workloads");
        table.wrong("provider", wrong.help("name one of kind = \"oidc\""));
    }
    let audience = table
        .required(
            "audience",
            "audience = \"weir\", whom the tokens are meant for",
        )
        .and_then(|v| v.check(word));
    let token = path_of(table, "token_file");
    let subject = path_of(table, "subject_token_file");
    let actor = path_of(table, "actor_token_file");
    let client = client(table);
    let scopes = table.optional("scopes").map(|v| v.some(|v| v.check(word)));
    let resource = table.optional("resource").map(|v| v.check(word));
    let introspect = introspect(table);
    let source = match (token, subject, client.is_some()) {
        (Some(_), Some(_), _) => {
            let wrong = InvalidValue::new(
                "`token_file` and `subject_token_file` both say where the token comes from",
            );
            table.wrong("subject_token_file", wrong.help("keep one of them"));
            None
        }
        (Some(token), None, _) => Some(OidcSource::TokenFile(token?)),
        (None, Some(_), false) => {
            table.missing(
                "`client_id`",
                "client_id = \"…\": who exchanges the person's token",
            );
            None
        }
        (None, Some(subject), true) => Some(OidcSource::TokenExchange {
            subject: subject?,
            actor: match actor.clone() {
                Some(actor) => Some(actor?),
                None => None,
            },
        }),
        (None, None, true) => Some(OidcSource::ClientCredentials),
        (None, None, false) => {
            table.missing(
                "`token_file` or `client_id`",
                "token_file = \"/var/run/secrets/tokens/weir\", or client_id and \
                 client_secret_file",
            );
            None
        }
    };
    if actor.is_some() && !matches!(source, Some(OidcSource::TokenExchange { .. })) {
        let wrong = InvalidValue::new("this has no effect without `subject_token_file`");
        table.wrong("actor_token_file", wrong.help("take it out"));
    }
    if introspect.is_some() && client.is_none() {
        table.missing(
            "`client_id`",
            "client_id = \"…\": who asks whether a token still holds",
        );
    }
    let client = match client {
        Some(client) => Some(client?),
        None => None,
    };
    let resource = match resource {
        Some(resource) => Some(resource?),
        None => None,
    };
    let introspect = match introspect {
        Some(introspect) => Some(introspect?),
        None => None,
    };
    Some(OidcIdentity {
        provider: provider?.into_inner(),
        audience: audience?,
        source: source?,
        client,
        scopes: scopes
            .unwrap_or_default()
            .into_iter()
            .map(Spanned::into_inner)
            .collect(),
        resource,
        introspect,
    })
}

/// None where nobody is asked, and nothing in it where it is wrong.
fn introspect(table: &mut Table<'_>) -> Option<Option<Introspect>> {
    let every = table.optional("introspect").map(|v| duration::read(&v));
    let grace = table.optional("unreachable_grace");
    let Some(every) = every else {
        if let Some(grace) = grace {
            let wrong = InvalidValue::new("this has no effect without `introspect`");
            grace.wrong(wrong.help("take it out, or say how often the provider is asked"));
        }
        return None;
    };
    let unreachable_grace = grace.map_or(Some(UNREACHABLE_GRACE), |v| duration::read(&v));
    Some((|| {
        Some(Introspect {
            every: every?,
            unreachable_grace: unreachable_grace?,
        })
    })())
}

fn path_of(table: &mut Table<'_>, key: &'static str) -> Option<Option<PathBuf>> {
    table.optional(key).map(|v| v.check(path::absolute))
}

/// None where no client is declared, and nothing in it where it is wrong.
fn client(table: &mut Table<'_>) -> Option<Option<ClientAuth>> {
    let id = table.optional("client_id").map(|v| v.check(word));
    let secret = table.optional("client_secret_file");
    let key = table.optional("client_key_file");
    let absolute = |v: Value<'_>| v.check(path::absolute);
    let (id, key) = match (id, secret, key) {
        (None, None, None) => return None,
        (Some(id), Some(secret), None) => {
            (id, absolute(secret).map(|p| Ok(PasswordSource::File(p))))
        }
        (Some(id), None, Some(key)) => (id, absolute(key).map(Err)),
        (None, ..) => {
            table.missing(
                "`client_id`",
                "client_id = \"…\", as the provider knows weir",
            );
            return Some(None);
        }
        (Some(_), Some(_), Some(key)) => {
            key.wrong(
                InvalidValue::new("the client shows who it is in two ways")
                    .help("keep one of `client_secret_file` and `client_key_file`"),
            );
            return Some(None);
        }
        (Some(_), None, None) => {
            table.missing(
                "`client_secret_file` or `client_key_file`",
                "client_secret_file = \"/etc/weir/secrets/ci\"",
            );
            return Some(None);
        }
    };
    Some((|| Some(ClientAuth { id: id?, key: key? }))())
}

fn word(text: &str) -> Result<String, InvalidValue> {
    if text.is_empty() || text.len() > 512 || text.contains(char::is_control) {
        return Err(
            InvalidValue::new(format!("{} can't be taken", quoted(text)))
                .help("write 1 to 512 bytes without control characters"),
        );
    }
    Ok(text.to_owned())
}
