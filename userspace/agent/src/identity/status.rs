//! How each identity stands, for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weir_identity::workload::{Account, Standing};

use super::registry::{Declared, Registry};
use crate::config::IdentityKind;

/// How a declared identity stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityStatus {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// `declared` where nothing has to be verified, `verified`, `unverified` or `revoked`.
    pub state: String,
    /// Who it is, where that is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// On behalf of whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Its groups, where they are verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// When its token ends, the clocks' difference included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When something went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// What.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Registry {
    /// How each stands.
    #[must_use]
    pub fn status(&self) -> Vec<IdentityStatus> {
        self.all().map(of).collect()
    }
}

fn of(declared: &Declared) -> IdentityStatus {
    let state = declared.state.borrow().clone();
    let mut status = IdentityStatus {
        name: declared.identity.name.to_string(),
        kind: match declared.identity.kind {
            IdentityKind::Static { .. } => "static",
            IdentityKind::Unix => "unix",
            IdentityKind::Oidc(_) => "oidc",
            IdentityKind::Spiffe(_) => "spiffe",
        }
        .to_owned(),
        state: "declared".to_owned(),
        subject: None,
        on_behalf_of: declared.identity.on_behalf_of.clone(),
        groups: Vec::new(),
        expires: None,
        failed_at: None,
        failure: None,
    };
    if let Some(Account { standing, failure }) = state.account {
        status.failed_at = failure.as_ref().map(|failure| failure.at);
        status.failure = failure.map(|failure| failure.message);
        match standing {
            Standing::Verified { subject, expires } => {
                status.state = "verified".to_owned();
                status.subject = Some(subject.id.clone());
                status.groups.clone_from(&subject.groups);
                status.expires = Some(expires);
                if subject.on_behalf_of.is_some() {
                    status.on_behalf_of.clone_from(&subject.on_behalf_of);
                }
            }
            Standing::Unverified(why) => {
                status.state = "unverified".to_owned();
                status.failure = Some(why);
            }
        }
    }
    if state.revoked {
        status.state = "revoked".to_owned();
    }
    status
}
