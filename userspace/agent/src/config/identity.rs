//! `[[identity]]`: who a workload is.

mod oidc;
mod spiffe;

use std::sync::Arc;

pub use self::{
    oidc::{ClientAuth, Introspect, OidcIdentity, OidcSource},
    spiffe::SpiffeIdentity,
};
use super::{
    invalid::InvalidValue,
    name::{IdentityName, ProviderName},
    provider::Provider,
    report::Report,
    stanza::{Declared, Stanza},
    table::Table,
    value::Value,
};

/// A declared identity. The [`identity`](crate::identity) room makes a subject of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: IdentityName,
    /// Where the subject's id and groups come from.
    pub kind: IdentityKind,
    /// The person on whose behalf the workload acts.
    pub on_behalf_of: Option<String>,
}

/// Where a subject's id and groups come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// The id is `workload:` and the identity's name; the groups are declared.
    Static {
        /// The declared groups.
        groups: Vec<String>,
    },
    /// The id is `unix:` and the connecting user's name; the groups are the system's.
    Unix,
    /// What a token of an OpenID Connect provider says.
    Oidc(Box<OidcIdentity>),
    /// What a JWT-SVID says.
    Spiffe(Box<SpiffeIdentity>),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Static,
    Unix,
    Oidc,
    Spiffe,
}

pub(super) fn read(
    mut table: Table<'_>,
    providers: &Declared<ProviderName, Arc<Provider>>,
    report: &Report<'_>,
) -> Stanza<IdentityName, Arc<Identity>> {
    let name = table
        .required("name", "name = \"ci-bot\"")
        .and_then(|v| v.located::<IdentityName>());
    let kind = table.required(
        "kind",
        "kind = \"static\" (declared here), \"unix\" (the connecting user), \"oidc\" or \"spiffe\"",
    );
    let kind = kind.and_then(|v| {
        v.one_of(&[
            ("static", Kind::Static),
            ("unix", Kind::Unix),
            ("oidc", Kind::Oidc),
            ("spiffe", Kind::Spiffe),
        ])
    });
    let declared = table.optional("groups");
    let groups = declared.map_or_else(Vec::new, words);
    let on_behalf_of = table.optional("on_behalf_of").map(|v| v.check(spoken));
    if let (Some(Kind::Unix), Some(groups)) = (kind, &declared) {
        groups.wrong(
            InvalidValue::new("a unix identity has the groups of the system's group database")
                .help("take `groups` out, or make it kind = \"static\""),
        );
    }
    if let (Some(Kind::Oidc), Some(groups)) = (kind, &declared) {
        groups.wrong(
            InvalidValue::new("an oidc identity has the groups that its tokens name")
                .help("take `groups` out, and set `groups_claim` in the [[provider]]"),
        );
    }
    let kind = match kind {
        Some(Kind::Static) => Some(IdentityKind::Static { groups }),
        Some(Kind::Unix) => Some(IdentityKind::Unix),
        Some(Kind::Oidc) => {
            oidc::read(&mut table, providers, report).map(|oidc| IdentityKind::Oidc(Box::new(oidc)))
        }
        Some(Kind::Spiffe) => {
            spiffe::read(&mut table, groups).map(|svid| IdentityKind::Spiffe(Box::new(svid)))
        }
        None => None,
    };
    table.finish();
    let value = (|| {
        let kind = kind?;
        let name = name.as_ref()?.get_ref().clone();
        Some(Arc::new(Identity {
            name,
            kind,
            on_behalf_of: on_behalf_of.flatten(),
        }))
    })();
    Stanza { name, value }
}

fn words(list: Value<'_>) -> Vec<String> {
    list.each(|v| v.check(spoken))
        .into_iter()
        .map(toml::Spanned::into_inner)
        .collect()
}

/// A group or a person, as policies compare them: any text that a person can see whole.
fn spoken(text: &str) -> Result<String, InvalidValue> {
    let unseen = |c: char| c.is_control() || c == '\u{fffd}';
    if text.is_empty() || text.len() > 256 || text.trim() != text || text.contains(unseen) {
        return Err(
            InvalidValue::new("this can't name a group or a person").help(
                "write 1 to 256 bytes without control characters and without spaces at the ends",
            ),
        );
    }
    Ok(text.to_owned())
}
