//! Whom a process runs as.

use nix::unistd::{Gid, Uid, User};

use crate::{Error, Result};

/// A user and its primary group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// These ids, whether or not an account has them.
    #[must_use]
    pub fn new(uid: Uid, gid: Gid) -> Self {
        Self { uid, gid }
    }

    /// The overflow user and group, 65534: an account without any right of its own.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(Uid::from_raw(65534), Gid::from_raw(65534))
    }

    /// An account of this machine by name.
    pub fn of(name: &str) -> Result<Self> {
        match User::from_name(name) {
            Ok(Some(user)) => Ok(Self::new(user.uid, user.gid)),
            Ok(None) | Err(_) => Err(Error::NoUser {
                name: name.to_owned(),
            }),
        }
    }

    /// The user.
    #[must_use]
    pub fn uid(self) -> Uid {
        self.uid
    }

    /// The group.
    #[must_use]
    pub fn gid(self) -> Gid {
        self.gid
    }
}
