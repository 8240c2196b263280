//! Who types a command, and what that makes of the process.

use testbed::{Identity, Spawn};

use crate::cgroups::Cgroups;

/// Who types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The agent: a user without rights, in the governed cgroup.
    Agent,
    /// The same user outside of it.
    Outside,
    /// The operator.
    Root,
}

impl Who {
    /// What stands before the command.
    pub(super) fn prompt(self) -> &'static str {
        match self {
            Self::Agent => "agent$",
            Self::Outside => "nobody$",
            Self::Root => "root#",
        }
    }

    /// Makes the process this one's.
    pub(super) fn dress(self, spawn: Spawn, cgroups: &Cgroups) -> Spawn {
        match self {
            Self::Agent => spawn.as_user(Self::nobody()).in_cgroup(cgroups.agent()),
            Self::Outside => spawn.as_user(Self::nobody()),
            Self::Root => spawn,
        }
    }

    /// Whoever called sudo may have rights and passwords of their own; this account has none.
    pub(super) fn nobody() -> Identity {
        Identity::nobody()
    }
}
