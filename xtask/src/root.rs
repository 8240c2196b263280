//! What only root may do: with sudo if this isn't root, else by telling exactly what root must do.

use std::process::Command;

use nix::unistd::geteuid;

use crate::process::find_program;

/// How this process can act as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// It is root.
    Here,
    /// It isn't, but there is sudo.
    Sudo,
    /// It can't.
    None,
}

impl Root {
    pub(crate) fn find() -> Self {
        if geteuid().is_root() {
            Self::Here
        } else if find_program("sudo").is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }

    /// The command as root would run it; `None` if it can't be.
    pub(crate) fn command(self, program: &str) -> Option<Command> {
        match self {
            Self::Here => Some(Command::new(program)),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["--", program]);
                Some(sudo)
            }
            Self::None => None,
        }
    }
}
