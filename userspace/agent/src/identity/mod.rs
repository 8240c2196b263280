//! Who a workload is: its declared identity made into a subject that policy can judge, and kept so
//! while sessions live.
//!
//! Not its job: to find the workload of a connection (attribution), or what the subject may do
//! (policy). A user that can't be looked up is nobody, and is refused.
//!
//! Limits: a unix user's groups are those of the system's databases, not those that its process
//! happens to hold. Directories behind NSS may take their time: call it where blocking is fine.

use std::ffi::CString;

use nix::{
    errno::Errno,
    unistd::{Gid, Group, Uid, User, getgrouplist},
};
use weir_policy::Subject;

use crate::config::{Identity, IdentityKind};

mod acting;
mod registry;
mod setup;
mod status;
mod watching;

pub use self::{
    acting::Acting,
    registry::{Registry, RegistryError},
    setup::Providers,
    status::IdentityStatus,
    watching::Watching,
};

/// The rule by which who can't be verified reaches nothing.
pub const UNVERIFIED: &str = "identity-unverified";

/// Why there is no subject; the connection is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No such user.
    #[error(
        "uid {uid} has no name on this host, so it can't be told who connects; add the user, or bind the workload to an identity of kind \"static\""
    )]
    UnknownUser {
        /// The connecting user.
        uid: u32,
    },
    /// The databases of users or groups could not be asked. Trying again may help.
    #[error("can't look up uid {uid}: {source}")]
    LookUp {
        /// The connecting user.
        uid: u32,
        /// What the system says.
        source: Errno,
    },
    /// Its provider does not vouch for it.
    #[error("identity `{name}` can't be verified: {why}")]
    Unverified {
        /// Its declared name.
        name: String,
        /// Why, and the way out.
        why: String,
    },
    /// An operator has revoked it.
    #[error(
        "identity `{name}` is revoked; an operator can take that back: weir identity restore {name}"
    )]
    Revoked {
        /// Its declared name.
        name: String,
    },
    /// A name that is not the user's own, since parts of it could not be read.
    #[error(
        "the name of {what} {id} is empty, has a colon or is not UTF-8, so it could be mistaken for another"
    )]
    UnusableName {
        /// `uid` or `gid`.
        what: &'static str,
        /// Its number.
        id: u32,
    },
}

/// The subject that a declared identity gives a connection of this user.
///
/// A static identity doesn't look at the user. A unix one has the id `unix:` and the user's name,
/// and the names of the user's groups, sorted; a group without a name is `gid:` and its number.
///
/// # Errors
/// When a unix identity's user or groups can't be told for certain.
fn declared(identity: &Identity, uid: u32) -> Result<Subject, IdentityError> {
    let (id, groups) = match &identity.kind {
        IdentityKind::Static { groups } => (format!("workload:{}", identity.name), groups.clone()),
        IdentityKind::Unix => unix(uid)?,
        // Kept by the registry, which knows.
        IdentityKind::Oidc(_) | IdentityKind::Spiffe(_) => {
            return Err(IdentityError::Unverified {
                name: identity.name.to_string(),
                why: "nobody has verified it".to_owned(),
            });
        }
    };
    Ok(Subject {
        id,
        groups,
        on_behalf_of: identity.on_behalf_of.clone(),
    })
}

fn unix(uid: u32) -> Result<(String, Vec<String>), IdentityError> {
    let look_up = |source| IdentityError::LookUp { uid, source };
    let user = User::from_uid(Uid::from_raw(uid)).map_err(look_up)?;
    let user = user.ok_or(IdentityError::UnknownUser { uid })?;
    let name = usable("uid", uid, user.name)?;
    let c_name = CString::new(name.as_str());
    let c_name = c_name.map_err(|_| IdentityError::UnusableName {
        what: "uid",
        id: uid,
    })?;
    let gids = getgrouplist(&c_name, user.gid).map_err(look_up)?;
    let groups: Result<Vec<_>, _> = gids
        .into_iter()
        .map(|gid| group_name(gid, Group::from_gid(gid).map_err(look_up)?))
        .collect();
    let mut groups = groups?;
    groups.sort();
    groups.dedup();
    Ok((format!("unix:{name}"), groups))
}

fn group_name(gid: Gid, group: Option<Group>) -> Result<String, IdentityError> {
    match group {
        Some(group) => usable("gid", gid.as_raw(), group.name),
        None => Ok(format!("gid:{gid}")),
    }
}

/// A name that came through whole: `User` and `Group` put U+FFFD where bytes are not UTF-8, and
/// two such names could become the same. A colon could make a group look like one without a name.
fn usable(what: &'static str, id: u32, name: String) -> Result<String, IdentityError> {
    if name.is_empty() || name.contains(|c: char| matches!(c, '\u{fffd}' | ':') || c.is_control()) {
        return Err(IdentityError::UnusableName { what, id });
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
