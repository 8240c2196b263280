//! Why a command failed, with the way out and the exit code.

use std::{io, path::PathBuf, process::ExitCode};

use weir_intercept::InterceptError;
use weir_record::{FindError, KeyError, ReadError};

use super::{
    login::LoginError,
    policy::{error::PolicyError, suggest::SuggestError},
    run::RunError,
};
use crate::{
    config::ConfigErrors,
    control::{ControlError, client::ClientError},
    engine::{EngineError, ReadPolicies, ReloadError},
};

/// Exit codes, as `weir --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Ok = 0,
    Failed = 1,
    /// Clap's own.
    Usage = 2,
    NotPermitted = 3,
    NoDaemon = 4,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The daemon didn't tell what could be read from records, too.
    #[error(transparent)]
    Asked(ClientError),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Intercept(#[from] InterceptError),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Policies(#[from] ReloadError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Store(#[from] weir_store::StoreError),
    #[error("can't write {}: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Suggest(#[from] SuggestError),
    #[error("nothing is learned for the signal `{signal}`")]
    NoProfile { signal: String },
    #[error("the signal `{signal}` has {count} profiles: say whose")]
    SeveralProfiles { signal: String, count: usize },
    /// Said before anything is touched.
    #[error("{what} needs root")]
    NotRoot { what: &'static str },
    #[error("can't print: {0}")]
    Print(#[from] io::Error),
    #[error("can't keep a copy of the record: {0}")]
    Spool(io::Error),
    #[error("can't start weir's runtime: {0}")]
    Runtime(io::Error),
    #[error("can't read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// What records alone can't tell.
    #[error("which sessions are live is known to the daemon alone")]
    WatchesAll,
    /// Which they are has been said.
    #[error("not all records could be read, so that sessions may be missing")]
    NotAll,
    #[error("{}: {source}", path.display())]
    Identity {
        path: PathBuf,
        source: weir_record::InvalidKey,
    },
    #[error(transparent)]
    RecordKey(#[from] KeyError),
    /// What is wrong has been said.
    #[error("the records are not what was written")]
    Unsound,
    #[error("this host can't enforce")]
    CantEnforce,
    #[error("capabilities are missing, so that not everything was tried")]
    NotTried,
    #[error("nothing was lifted")]
    NotConfirmed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotPermitted => 3,
            Exit::NoDaemon => 4,
        })
    }
}

impl CliError {
    /// Whoever read the output has seen enough (`weir sessions list | head`); no failure.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Print(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether its text is findings in policies or configuration, each with place and caret.
    pub(super) fn is_findings(&self) -> bool {
        match self {
            Self::Policies(ReloadError::Rejected(_))
            | Self::Engine(EngineError::Policies(ReloadError::Rejected(_)))
            | Self::Policy(PolicyError::BadCases(_))
            | Self::Config(ConfigErrors::Invalid(_)) => true,
            Self::Run(error) => error.is_findings(),
            Self::Client(ClientError::Refused { code, .. }) => code == "policy_rejected",
            _ => false,
        }
    }

    /// Whether the system keeps a file from this user.
    fn is_denied(&self) -> bool {
        let source = match self {
            Self::Config(ConfigErrors::Unreadable { source, .. })
            | Self::Find(FindError::Directory(ReadError::Open { source, .. }))
            | Self::Policies(ReloadError::Read(ReadPolicies::Io { source, .. }))
            | Self::Policy(PolicyError::File { source, .. })
            | Self::Read(ReadError::Open { source, .. })
            | Self::RecordKey(KeyError::File { source, .. })
            | Self::Unreadable { source, .. }
            | Self::Unwritable { source, .. } => source,
            _ => return false,
        };
        source.kind() == io::ErrorKind::PermissionDenied
    }

    /// The exit code; `run` has its own.
    pub(super) fn exit(&self) -> ExitCode {
        let exit = match self {
            Self::Run(error) => return ExitCode::from(error.exit()),
            Self::NotRoot { .. }
            | Self::NotTried
            | Self::Client(ClientError::NotAllowed { .. })
            | Self::Asked(ClientError::NotAllowed { .. })
            | Self::Intercept(InterceptError::NotPrivileged { .. })
            | Self::Engine(EngineError::Intercept(InterceptError::NotPrivileged { .. })) => {
                Exit::NotPermitted
            }
            Self::Client(ClientError::Refused { code, .. })
            | Self::Asked(ClientError::Refused { code, .. })
                if code == "forbidden" =>
            {
                Exit::NotPermitted
            }
            Self::Client(ClientError::NoDaemon { .. })
            | Self::Asked(ClientError::NoDaemon { .. }) => Exit::NoDaemon,
            Self::NotConfirmed | Self::WatchesAll => Exit::Usage,
            error if error.is_denied() => Exit::NotPermitted,
            _ => Exit::Failed,
        };
        exit.into()
    }

    /// The way out, where there is one to say.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Client(ClientError::NoDaemon { .. }) => {
                Some("try `systemctl status weir`".to_owned())
            }
            Self::Asked(ClientError::NoDaemon { .. }) => Some(
                "try `systemctl status weir`, or --records DIR to read records directly".to_owned(),
            ),
            Self::Client(ClientError::Refused { help, .. })
            | Self::Asked(ClientError::Refused { help, .. }) => help.clone(),
            Self::Config(ConfigErrors::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Some("name the file with --config FILE, or with WEIR_CONFIG".to_owned())
            }
            Self::WatchesAll => Some("name a session, or leave out --records".to_owned()),
            Self::RecordKey(KeyError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Some(
                    "name it with --key FILE, or the records' directory with --records DIR"
                        .to_owned(),
                )
            }
            Self::Login(LoginError::Kept { .. }) => Some(
                "without a sign-in you would ask as this user: mend the file, or remove it"
                    .to_owned(),
            ),
            Self::Run(error) => error.help(),
            Self::CantEnforce => Some("mend what is marked as missing above".to_owned()),
            Self::NotConfirmed => {
                Some("say --yes to lift the enforcement without a question".to_owned())
            }
            Self::Intercept(InterceptError::InUse { .. }) => {
                Some("stop it first: `systemctl stop weir`".to_owned())
            }
            error if error.exit() == ExitCode::from(Exit::NotPermitted) => {
                Some("run it as root, as with sudo".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> io::Error {
        io::ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn exit_codes_are_as_the_help_says() {
        let path = PathBuf::from("/run/weir/weir.sock");
        for (error, exit) in [
            (
                CliError::Client(ClientError::NoDaemon { path: path.clone() }),
                Exit::NoDaemon,
            ),
            (
                CliError::Client(ClientError::NotAllowed { path: path.clone() }),
                Exit::NotPermitted,
            ),
            (
                CliError::NotRoot {
                    what: "weir daemon",
                },
                Exit::NotPermitted,
            ),
            (
                CliError::Unreadable {
                    path: path.clone(),
                    source: denied(),
                },
                Exit::NotPermitted,
            ),
            (
                CliError::Read(ReadError::Open {
                    path: path.clone(),
                    source: denied(),
                }),
                Exit::NotPermitted,
            ),
            (
                CliError::Config(ConfigErrors::Unreadable {
                    path: path.clone(),
                    source: denied(),
                }),
                Exit::NotPermitted,
            ),
            (
                CliError::Config(ConfigErrors::Unreadable {
                    path,
                    source: io::ErrorKind::NotFound.into(),
                }),
                Exit::Failed,
            ),
            (CliError::NotTried, Exit::NotPermitted),
            (CliError::NotAll, Exit::Failed),
            (CliError::NotConfirmed, Exit::Usage),
            (CliError::CantEnforce, Exit::Failed),
        ] {
            assert_eq!(error.exit(), ExitCode::from(exit), "{error}");
        }
    }

    #[test]
    fn records_are_a_way_out_only_for_what_reads_them() {
        let no_daemon = || ClientError::NoDaemon {
            path: "/run/weir/weir.sock".into(),
        };
        for (error, help) in [
            (CliError::Client(no_daemon()), "try `systemctl status weir`"),
            (
                CliError::Asked(no_daemon()),
                "try `systemctl status weir`, or --records DIR to read records directly",
            ),
        ] {
            assert_eq!(
                error.to_string(),
                "no weir daemon answers at /run/weir/weir.sock: is it running?"
            );
            assert_eq!(error.help().as_deref(), Some(help));
            assert_eq!(error.exit(), ExitCode::from(Exit::NoDaemon));
        }
    }

    #[test]
    fn a_key_that_is_not_there_can_be_named() {
        let error = CliError::RecordKey(KeyError::File {
            path: "record.pub".into(),
            source: io::ErrorKind::NotFound.into(),
        });
        let help = error.help().unwrap();
        assert!(help.contains("--key FILE") && help.contains("--records DIR"));
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert!(CliError::Print(io::ErrorKind::BrokenPipe.into()).is_closed_pipe());
        assert!(!CliError::Print(io::ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
