//! A person, as a provider vouched for them.

use jiff::Timestamp;

/// A person whom a provider has vouched for: who approves, asks for access, or starts agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Unique and stable: `oidc:https://issuer#sub`, `saml:https://idp#nameid`.
    pub id: String,
    /// What people call them, such as a mail address: for messages, never for decisions.
    pub name: Option<String>,
    /// Other ids that mean the same person where policies and workloads name people, such as a
    /// verified mail address. Who may not approve for oneself may not by any of them.
    pub aliases: Vec<String>,
    /// Groups and roles, as mapped from the provider's claims.
    pub groups: Vec<String>,
    /// When the provider's word ends.
    pub expires: Timestamp,
}

impl Person {
    /// Whether `name` means this person: by id or by an alias.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Whether they are meant by any of `names`: an id, an alias, or a group they are in.
    #[must_use]
    pub fn is_among<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        names
            .into_iter()
            .any(|name| self.is(name) || self.groups.iter().any(|group| group == name))
    }
}
