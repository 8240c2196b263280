//! What can be typed, and the help that teaches it.

mod approvals;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use super::sessions::args::Sessions;
pub(super) use approvals::{Answering, Approvals, ApprovalsCommand, Watching};

const DEFAULT_CONFIG: &str = "/etc/weir/weir.toml";
pub(super) const DEFAULT_SOCKET: &str = "/run/weir/weir.sock";

const EXAMPLES: &str = "\
Examples:
  sudo weir run -- psql -h db.internal orders     one command behind weir, no set-up
  weir sessions list                              what agents did
  weir sessions replay 01jd8x                     what one of them asked and saw
  weir approvals list                             what waits for a human
  weir policy check ./policies                    are these policies sound?
  weir doctor                                     can this host enforce?

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
SIGHUP reloads the policies. SIGTERM and SIGINT end the live sessions and leave the enforcement in
place: what the governed workloads dial then fails, until weir runs again. `weir uninstall` lifts it.

The log goes to standard error; WEIR_LOG sets what is logged (error, warn, info, debug, or per
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
The command runs as the user who called sudo (or --user), with that user's groups, without any
capability, and can't get more: an agent that is root escapes anything. Groups that amount to root
(docker, disk …) are left out. Everything it dials goes through weir; without a configuration no
destination is declared, so every connection is refused, recorded, and told at the end together
with what to declare.

Begin with --observe: nothing is refused that weir can pass on, names and undeclared destinations
included, and the end tells what would have been refused. `weir policy suggest`, called as that
says, writes policies that admit what was seen. Sensitive columns of declared targets stay masked;
what no target declares is passed on as it is.

It finds /run empty, and none of the Unix sockets that are open elsewhere when it starts (Docker's,
a database's, the system bus): each leads past weir. Only those that it makes itself work.

Clients that verify the server's certificate meet weir's own: the command finds the authority that
signed it in the file $WEIR_CA (psql: PGSSLROOTCERT=$WEIR_CA).

The boundary is as strong as the user: what else runs as the same user outside of weir (a shell, a
user service manager) could be talked into dialling for the agent. Give it a user of its own:
  sudo weir run --user weir-agent -- agent

Exit codes:
  the command's own; 128+n when signal n ended it;
  125 when weir itself failed, 126 when the command can't be run, 127 when it isn't there.

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

/// Where to ask.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// The daemon's socket
    #[arg(
        long,
        value_name = "PATH",
        env = "WEIR_SOCKET",
        default_value = DEFAULT_SOCKET,
        global = true
    )]
    pub(super) socket: PathBuf,

    /// Read this directory of records instead of asking the daemon
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) records: Option<PathBuf>,
}

/// Check, reload and understand policies.
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    pub(super) command: PolicyCommand,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Read a directory of policies and masking rules, and say what is wrong with it
    #[command(after_help = "\
Reads every *.cedar file, masking.toml and signals.toml of the directory, as the daemon would. Exits with 1 when
the daemon would refuse them. Without a directory: the one of the configuration, or, where that
names none, the policies that weir ships.")]
    Check {
        /// The directory
        dir: Option<PathBuf>,
        /// The configuration that names the directory
        #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Have the daemon take its policies as they are now on disk; bad ones change nothing
    Reload {
        /// The daemon's socket
        #[arg(long, value_name = "PATH", env = "WEIR_SOCKET", default_value = DEFAULT_SOCKET)]
        socket: PathBuf,
    },
    /// Say which policies decided a command, by which facts, and what would have changed it
    #[command(after_help = "\
The command is judged again from its record, by the version that judged it, which weir keeps, and,
where other policies are in force now, by those too. Then with one thing changed at a time: with a
WHERE, without each effect, in each group that policies name, without each policy that decided.

Examples:
  weir policy explain 01jd8x#3
  weir policy explain --records /var/lib/weir/records 01jd8x#3 --json")]
    Explain(PolicyExplain),
    /// Run the cases of a directory of policies: does each get the verdict that it should?
    #[command(after_help = "\
Cases are *.toml files in DIR/tests. Exits with 1 when one fails. Without a directory: the one of the
configuration, or, where that names none, what weir ships and its own cases.

  [[case]]
  groups = [\"agents\"]                 # and subject, on_behalf_of, workload, target, database,
  command = \"DELETE FROM orders\"       #   in_transaction, hour, weekday, exe, application_name
  expect = \"deny\"                     # allow, ask or deny
  rule = \"no-bulk-write\"              # and approvers, policies, clear, masked

Examples:
  weir policy test
  weir policy test ./policies --json")]
    Test(PolicyTest),
    /// Make a pair of keys to sign policies with
    Keygen(PolicyKeygen),
    /// Sign a directory of policies: its MANIFEST names each file by its hash, with a growing number
    #[command(after_help = "\
Where `[policies] keys` names the public key, the daemon takes the directory only as it was signed,
and never one with a lower number than it has taken before.

Examples:
  weir policy keygen --key release.pem
  weir policy sign ./policies --key release.pem")]
    Sign(PolicySign),
    /// Write policies that admit what was seen, and no more
    #[command(after_help = "\
Reads what went through, as the records tell it: of observed workloads (mode = \"observe\") what would
have been refused too. Writes policies that admit exactly that: statements, connections, and the
names and record types that were looked up. On stderr: a [[target]] for each destination that was
seen and is not declared. The policies stand alone, so make them a directory of their own. Names
that only a search domain made, and that there aren't, are passed over. Statements that weir can't read, or that run code
which no text shows, are left out and told.

Examples:
  weir policy suggest --workload ci > seen.cedar
  weir policy suggest --since 2026-11-01T00:00:00Z --out /etc/weir/suggested
  weir policy suggest --records /var/lib/weir/records --by workload")]
    Suggest(Suggest),
    /// Print the Cedar schema that policies are validated against
    Schema,
}

/// Which command to explain.
#[derive(Debug, Args)]
pub(super) struct PolicyExplain {
    /// The session and the number of its command
    #[arg(value_name = "SESSION#N")]
    pub(super) command: String,

    #[command(flatten)]
    pub(super) reach: Reach,

    /// The configuration that names the policies in force
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", default_value = DEFAULT_CONFIG)]
    pub(super) config: PathBuf,

    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What to test.
#[derive(Debug, Args)]
pub(super) struct PolicyTest {
    /// The directory
    pub(super) dir: Option<PathBuf>,

    /// The configuration that names the directory
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", default_value = DEFAULT_CONFIG)]
    pub(super) config: PathBuf,

    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Where to put new keys.
#[derive(Debug, Args)]
pub(super) struct PolicyKeygen {
    /// The private key's file; the public one's is beside it, with .pub at its end
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
}

/// What to sign.
#[derive(Debug, Args)]
pub(super) struct PolicySign {
    /// The directory
    pub(super) dir: PathBuf,

    /// The private key
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,

    /// The number of the bundle [default: one more than that of the MANIFEST that is there]
    #[arg(long, value_name = "N")]
    pub(super) sequence: Option<u64>,
}

/// What to suggest policies from.
#[derive(Debug, Args)]
pub(super) struct Suggest {
    #[command(flatten)]
    pub(super) reach: Reach,

    /// Only what was seen of this workload
    #[arg(long, value_name = "NAME")]
    pub(super) workload: Option<String>,

    /// Only sessions that started at this moment or later (2026-11-21T10:00:00Z)
    #[arg(long, value_name = "MOMENT")]
    pub(super) since: Option<jiff::Timestamp>,

    /// Whom the policies are for
    #[arg(long, value_enum, default_value_t = By::Subject)]
    pub(super) by: By,

    /// Write the files into this directory instead of printing them; none is overwritten
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

/// Whom suggested policies are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// Each subject that was seen
    Subject,
    /// Whoever works in the workload
    Workload,
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
Without --browser a code is shown that is typed into a page on any machine (RFC 8628). With it the
browser is on this machine, and comes back by itself.

The sign-in is kept in a file that only you can read, and ends by itself or with `weir logout`.

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
#[command(after_help = "Exits with 1 when something that weir can't do without is missing.")]
pub(super) struct Doctor {
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Lift all enforcement that is left on this host.
#[derive(Debug, Args)]
#[command(after_help = "\
Unpins weir's programs from every cgroup that they still govern. What runs there is then free to
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
    fn where_to_ask_can_stand_behind_the_command() {
        let cli = Cli::try_parse_from(["weir", "sessions", "show", "01j", "--records", "/tmp/r"]);
        let Ok(Cli {
            command: Command::Sessions(sessions),
        }) = cli
        else {
            panic!("{cli:?}")
        };
        assert_eq!(sessions.reach.records, Some("/tmp/r".into()));
    }
}
