//! How a provider is declared.

use std::time::Duration;

use openidconnect::url::Url;
use serde::{Deserialize, Serialize};

use super::IdentityProvider;

/// One identity provider, and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The provider.
    pub identity_provider: IdentityProvider,
    /// Our own entity id: the audience of every assertion.
    pub entity_id: String,
    /// Our assertion consumer service: where browsers post to, on the loopback of whoever signs in.
    pub consumer: Url,
    /// What its attributes mean.
    pub attributes: Attributes,
    /// How far the clocks may differ.
    pub skew: Duration,
    /// How long a sign-in lasts where the provider names no end of its session, and at most.
    pub lifetime: Duration,
}

/// Which attributes, by their names, say what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Whose values are groups.
    pub groups: Vec<String>,
    /// What each group begins with here, so that one provider's can't be taken for another's.
    pub prefix: String,
    /// What people call them.
    pub name: Option<String>,
    /// Their mail addresses, by which policies and workloads may mean them.
    pub mail: Option<String>,
    /// What they are told apart by, in place of the NameID.
    pub id: Option<String>,
}

/// What a client needs to lead somebody through a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The provider's entity id.
    pub entity_id: String,
    /// Where the answer will be posted to: the client listens there.
    pub consumer: Url,
}

impl Settings {
    /// What it tells clients.
    #[must_use]
    pub fn offer(&self) -> Offer {
        Offer {
            entity_id: self.identity_provider.entity_id.clone(),
            consumer: self.consumer.clone(),
        }
    }
}
