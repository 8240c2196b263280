//! What can be typed, and the help that teaches it.

mod approvals;
mod policy;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

pub(super) use super::sessions::args::Sessions;
pub(super) use approvals::{Answering, Approvals, ApprovalsCommand, Watching};
pub(super) use policy::{
    By, Policy, PolicyCommand, PolicyExplain, PolicyKeygen, PolicySign, PolicyTest, Suggest,
};

pub(super) const DEFAULT_CONFIG: &str = "/etc/weir/weir.toml";
pub(super) const DEFAULT_SOCKET: &str = "/run/weir/weir.sock";

const EXAMPLES: &str = "\
Examples:
  sudo weir run -- psql -h db orders   one command behind weir, no set-up
  weir sessions list                   what agents did
  weir sessions replay 01jd8x          what one of them asked and saw
  weir approvals list                  what waits for a human
  weir policy check ./policies         are these policies sound?
  weir doctor                          can this host enforce?

Exit codes:
  0  it worked
  1  it failed
  2  the command line was wrong
  3  root or a capability is missing
  4  no weir daemon answers
  `weir run` has its own: see `weir run --help`.

Colour is used on a terminal only; NO_COLOR turns it off, CLICOLOR_FORCE=1 on.";

/// Stands across the outbound traffic of autonomous agents: sees, judges, masks and records every
/// command that they send.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Govern the workloads of weir.toml, as a service
    Daemon(Daemon),
    /// Run one command behind weir
    Run(Run),
    /// See what agents asked and what they got, and end it
    Sessions(Sessions),
    /// See and answer what waits for people
    Approvals(Approvals),
    /// Check, reload and understand policies
    Policy(Policy),
    /// Sign in, to approve and to be known
    Login(Login),
    /// Sign out
    Logout(Whoever),
    /// Show whom the daemon takes you for
    Whoami(Whoever),
    /// See who workloads are, and revoke one
    Identity(Identity),
    /// Ask for access that nobody has, and grant it for a while
    Access(super::access::Access),
    /// See what is usual for whom, and have it learned anew
    Profiles(super::profiles::AskedProfiles),
    /// Show what the daemon governs now
    Status(Status),
    /// Find out whether this host can enforce, and what is missing
    Doctor(Doctor),
    /// Lift all enforcement that is left on this host
    Uninstall(Uninstall),
}

/// Govern the workloads of weir.toml, as a service.
#[derive(Debug, Args)]
#[command(after_help = "\
SIGHUP reloads the policies. SIGTERM and SIGINT end the live sessions and leave the enforcement \
in place: what the governed workloads dial then fails, until weir runs again. `weir uninstall` \
lifts it.

The log goes to standard error; WEIR_LOG sets what is logged (error, warn, info, debug, or per \
module as in `warn,weir_agent=debug`).

Examples:
  weir daemon
  weir daemon --config ./weir.toml")]
pub(super) struct Daemon {
    /// The configuration
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", default_value = DEFAULT_CONFIG)]
    pub(super) config: PathBuf,

    /// What its programs are pinned as, below /sys/fs/bpf/weir: a restart finds them by it. Only a
    /// second daemon on one host needs another
    #[arg(
        long,
        value_name = "NAME",
        env = "WEIR_INSTANCE",
        default_value = "daemon"
    )]
    pub(super) instance: String,
}

/// Run one command behind weir.
#[derive(Debug, Args)]
#[command(after_help = "\
The command runs as the user who called sudo (or --user), with that user's groups, without any \
capability, and can't get more: an agent that is root escapes anything. Groups that amount to \
root (docker, disk …) are left out. Everything it dials goes through weir; without a \
configuration no destination is declared, so every connection is refused, recorded, and told at \
the end together with what to declare.

Begin with --observe: nothing is refused that weir can pass on, names and undeclared destinations \
included, and the end tells what would have been refused. `weir policy suggest`, called as that \
says, writes policies that admit what was seen. Sensitive columns of declared targets stay \
masked; what no target declares is passed on as it is.

What its policies ask of people is told here as it comes, with the command that answers it from \
another terminal.

It finds /run empty, and none of the Unix sockets that are open elsewhere when it starts \
(Docker's, a database's, the system bus): each leads past weir. Only those that it makes itself \
work.

Clients that verify the server's certificate meet weir's own: the command finds the authority \
that signed it in the file $WEIR_CA (psql: PGSSLROOTCERT=$WEIR_CA).

The boundary is as strong as the user: what else runs as the same user outside of weir (a shell, \
a user service manager) could be talked into dialling for the agent. Give it a user of its own:
  sudo weir run --user weir-agent -- agent

Exit codes:
  the command's own; 128+n when signal n ended it
  125  weir itself failed
  126  the command can't be run
  127  the command isn't there

Examples:
  sudo weir run --observe -- python3 agent.py
  sudo weir run -- psql -h db.internal orders
  sudo weir run --config /etc/weir/weir.toml -- python3 agent.py
  sudo weir run --user weir-agent --state /srv/weir -- bash")]
pub(super) struct Run {
    /// Take engine settings, identities and targets from this file; a workload named `run` in it
    /// says who the command is and what it may reach
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Run as this user [default: the user who called sudo]
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,

    /// Keep state below this directory: the records in DIR/records, keys and audit log beside
    /// them [default: /var/lib/weir, or the configuration's]
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,

    /// Refuse nothing that weir can pass on: judge and record it, and tell at the end what would
    /// have been refused
    #[arg(long)]
    pub(super) observe: bool,

    /// Say nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

/// Where to ask what records could tell, too.
#[derive(Debug, Args)]
pub(super) struct Reach {
    #[command(flatten)]
    pub(super) daemon: Socket,

    /// Read this directory of records instead of asking the daemon
    #[arg(long, value_name = "DIR")]
    pub(super) records: Option<PathBuf>,
}

/// Where to ask what the daemon alone can do.
#[derive(Debug, Args)]
pub(super) struct Socket {
    /// The daemon's socket
    #[arg(long, value_name = "PATH", env = "WEIR_SOCKET", default_value = DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,
}

/// Show what the daemon governs now.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The daemon's socket
    #[arg(long, value_name = "PATH", env = "WEIR_SOCKET", default_value = DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,

    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Sign in, to approve and to be known.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --browser a code is shown that is typed into a page on any machine (RFC 8628). With it \
the browser is on this machine, and comes back by itself.

The sign-in is kept in a file that only you can read (WEIR_TOKEN_FILE, or below XDG_RUNTIME_DIR), \
and ends by itself or with `weir logout`.

Examples:
  weir login
  weir login --provider corp --browser")]
pub(super) struct Login {
    /// By which [[provider]]; need not be said where there is one
    #[arg(long, value_name = "NAME")]
    pub(super) provider: Option<String>,

    /// Show a code to be typed elsewhere (the default, where the provider has that)
    #[arg(long, conflicts_with = "browser")]
    pub(super) device: bool,

    /// Sign in with a browser on this machine
    #[arg(long)]
    pub(super) browser: bool,

    /// The daemon's socket
    #[arg(long, value_name = "PATH", env = "WEIR_SOCKET", default_value = DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,
}

/// Where the daemon is, and how to tell.
#[derive(Debug, Args)]
pub(super) struct Whoever {
    /// The daemon's socket
    #[arg(long, value_name = "PATH", env = "WEIR_SOCKET", default_value = DEFAULT_SOCKET)]
    pub(super) socket: PathBuf,

    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// See who workloads are, and revoke one.
#[derive(Debug, Args)]
pub(super) struct Identity {
    #[command(subcommand)]
    pub(super) command: IdentityCommand,
}

/// What to do with identities.
#[derive(Debug, Subcommand)]
pub(super) enum IdentityCommand {
    /// How the declared identities stand
    List {
        #[command(flatten)]
        reach: Whoever,
    },
    /// Believe an identity no more: its live sessions end at once, also after a restart nothing is reached
    Revoke {
        /// The identity's name
        name: String,
        #[command(flatten)]
        reach: Whoever,
    },
    /// Take a revocation back
    Restore {
        /// The identity's name
        name: String,
        #[command(flatten)]
        reach: Whoever,
    },
}

/// Find out whether this host can enforce, and what is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  this host can enforce
  1  something that weir can't do without is missing
  3  not everything was tried, for want of capabilities: run it as root")]
pub(super) struct Doctor {
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Lift all enforcement that is left on this host.
#[derive(Debug, Args)]
#[command(after_help = "\
Unpins weir's programs from every cgroup that they still govern. What runs there is then free to \
dial anything. Stop the daemon first.")]
pub(super) struct Uninstall {
    /// Only what this instance enforces (`daemon`, `run-…`) [default: every one]
    #[arg(long, value_name = "NAME")]
    pub(super) instance: Option<String>,

    /// Don't ask
    #[arg(long)]
    pub(super) yes: bool,
}

#[cfg(test)]
mod rendered;
#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_run_keeps_its_own_options() {
        let cli = Cli::try_parse_from(["weir", "run", "-q", "--", "psql", "--quiet", "-h", "x"]);
        let Ok(Cli {
            command: Command::Run(run),
        }) = cli
        else {
            panic!("{cli:?}")
        };
        assert!(run.quiet && !run.observe);
        assert_eq!(run.command, ["psql", "--quiet", "-h", "x"]);
        assert!(Cli::try_parse_from(["weir", "run"]).is_err());
        assert!(
            Cli::try_parse_from(["weir", "run", "psql"]).is_err(),
            "`--` sets them apart"
        );
    }

    #[test]
    fn records_are_read_by_what_can_do_with_them_alone() {
        let parsed = |arguments: &str| {
            let arguments = arguments.split_whitespace();
            Cli::try_parse_from(["weir"].into_iter().chain(arguments))
        };
        for reads in [
            "sessions list",
            "sessions show 01j",
            "sessions replay 01j",
            "sessions verify",
            "sessions watch 01j",
            "sessions export",
            "policy explain 01j#1",
            "policy suggest",
        ] {
            let told = parsed(&format!("{reads} --records /tmp/r"));
            assert!(told.is_ok(), "{told:?}");
        }
        for asks in [
            "sessions kill 01j",
            "sessions prune",
            "sessions reindex",
            "approvals list",
            "status",
        ] {
            assert!(parsed(asks).is_ok(), "{asks}");
            assert!(parsed(&format!("{asks} --socket /tmp/s")).is_ok(), "{asks}");
            assert!(
                parsed(&format!("{asks} --records /tmp/r")).is_err(),
                "{asks}"
            );
        }
        let verify = parsed("sessions verify --socket /tmp/s");
        assert!(verify.is_err(), "it reads files alone");
    }
}
