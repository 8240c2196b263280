//! Why `weir run` itself failed. The command's own failures are the command's.

use std::{io, path::PathBuf};

use nix::errno::Errno;
use weir_intercept::InterceptError;

use super::{mounts::MountError, spawn::Step};
use crate::{
    config::ConfigErrors,
    control::ControlError,
    engine::{EngineError, ReloadError},
};

/// Exit codes in the manner of env(1) and timeout(1).
const WEIR_FAILED: u8 = 125;
const CANT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Why `weir run` itself failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum RunError {
    #[error("`weir run` needs root")]
    NotRoot,
    #[error("`weir run` won't run a command as root: an agent that is root escapes anything")]
    RootAgent,
    #[error("there is no user {0:?} on this host")]
    NoSuchUser(String),
    #[error("SUDO_UID holds {0:?}, which is no user id")]
    BadSudoUid(String),
    #[error("can't look up user {who:?}: {errno}")]
    Lookup { who: String, errno: Errno },
    #[error("{stream} is a network socket that was opened outside of weir's sight")]
    OpenSocket { stream: &'static str },
    #[error(
        "{stream} is a directory, or was opened by name only: it leads out of the command's view"
    )]
    OpenDirectory { stream: &'static str },
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error("the cgroup of the command: {0}")]
    Cgroup(#[from] InterceptError),
    #[error("the cgroup of the command, {0:?}, is not one that weir can govern")]
    CgroupName(String),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("weir stopped while the command ran, so the command was ended: {0}")]
    EngineStopped(EngineError),
    #[error("weir stopped while the command ran, so the command was ended")]
    EngineReturned,
    #[error("can't make the place where people answer what the command asks: {0}")]
    Room(io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("can't follow signals: {0}")]
    Signals(io::Error),
    #[error("can't start weir's runtime: {0}")]
    Runtime(io::Error),
    #[error("can't prepare the command: {0}")]
    Prepare(io::Error),
    #[error("the host's Unix sockets can't be kept from the command: {0}")]
    Mounts(#[from] MountError),
    #[error("abstract Unix sockets can't be kept from the command: {0}")]
    Scope(Errno),
    #[error("can't {step} for the command: {source}")]
    Confine { step: Step, source: io::Error },
    #[error("can't run {program:?}: {source}")]
    Exec { program: PathBuf, source: io::Error },
    #[error("can't wait for the command: {0}")]
    Wait(io::Error),
}

impl RunError {
    pub(in crate::cli) fn exit(&self) -> u8 {
        match self {
            Self::Exec { source, .. } if source.kind() == io::ErrorKind::NotFound => NOT_FOUND,
            Self::Exec { .. } => CANT_RUN,
            _ => WEIR_FAILED,
        }
    }

    /// Whether its text is findings in policies or configuration.
    pub(in crate::cli) fn is_findings(&self) -> bool {
        matches!(
            self,
            Self::Config(ConfigErrors::Invalid(_))
                | Self::Engine(EngineError::Policies(ReloadError::Rejected(_)))
        )
    }

    pub(in crate::cli) fn help(&self) -> Option<String> {
        let text = match self {
            Self::NotRoot => "run it by sudo; the command itself runs as you",
            Self::RootAgent => {
                "call it by sudo as an ordinary user, or name one: `weir run --user NAME -- CMD`"
            }
            Self::OpenSocket { .. } | Self::OpenDirectory { .. } => {
                "give the command a terminal, a file or a pipe instead, as in `… | weir run -- CMD`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_env() {
        let exec = |kind: io::ErrorKind| RunError::Exec {
            program: "x".into(),
            source: kind.into(),
        };
        assert_eq!(exec(io::ErrorKind::NotFound).exit(), 127);
        assert_eq!(exec(io::ErrorKind::PermissionDenied).exit(), 126);
        assert_eq!(RunError::RootAgent.exit(), 125);
        let confine = RunError::Confine {
            step: Step::JoinCgroup,
            source: io::ErrorKind::NotFound.into(),
        };
        assert_eq!(
            confine.exit(),
            125,
            "weir's own failure is not the command's"
        );
    }
}
