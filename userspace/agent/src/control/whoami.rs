//! Who the daemon takes the caller for.

use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Caller;

/// Who calls, as the daemon sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "caller", rename_all = "snake_case")]
pub enum WhoAmI {
    /// Root or the daemon's own user.
    Operator {
        /// Their user.
        uid: u32,
    },
    /// Somebody who is signed in.
    Person {
        /// As policies and approvals name them.
        id: String,
        /// What people call them.
        name: Option<String>,
        /// Other ids that mean them.
        aliases: Vec<String>,
        /// Their groups and roles.
        groups: Vec<String>,
        /// When they must sign in again.
        expires: Timestamp,
    },
    /// A local user who is not signed in.
    Stranger {
        /// Their user.
        uid: u32,
    },
}

pub(super) async fn whoami(Extension(caller): Extension<Caller>) -> Json<WhoAmI> {
    Json(match caller {
        Caller::Operator { uid } => WhoAmI::Operator { uid },
        Caller::Stranger { uid } => WhoAmI::Stranger { uid },
        Caller::Person(person) => WhoAmI::Person {
            id: person.id.clone(),
            name: person.name.clone(),
            aliases: person.aliases.clone(),
            groups: person.groups.clone(),
            expires: person.expires,
        },
    })
}
