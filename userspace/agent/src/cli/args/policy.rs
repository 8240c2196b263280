//! `weir policy`, as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DEFAULT_SOCKET, Reach};
use crate::cli::{configuration::Configuration, sessions::when};

/// Check, reload and understand policies.
#[derive(Debug, Args)]
pub(in crate::cli) struct Policy {
    #[command(subcommand)]
    pub(in crate::cli) command: PolicyCommand,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Read a directory of policies and masking rules, and say what is wrong with it
    #[command(after_help = "\
Reads every *.cedar file, masking.toml and signals.toml of the directory, as the daemon would. \
Exits with 1 when the daemon would refuse them. Without a directory: the one of the \
configuration, or, where that names none, the policies that weir ships.")]
    Check {
        /// The directory
        dir: Option<PathBuf>,
        #[command(flatten)]
        config: Configuration,
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
The command is judged again from its record, by the version that judged it, which weir keeps, \
and, where other policies are in force now, by those too. Then with one thing changed at a time: \
with a WHERE, without each effect, in each group that policies name, without each policy that \
decided.

Examples:
  weir policy explain 01jd8x#3
  weir policy explain --records ./records 01jd8x#3 --json")]
    Explain(PolicyExplain),
    /// Run the cases of a directory of policies: does each get the verdict that it should?
    #[command(after_help = "\
Cases are *.toml files in DIR/tests. Exits with 1 when one fails. Without a directory: the one of \
the configuration, or, where that names none, what weir ships and its own cases.

  [[case]]
  groups = [\"agents\"]
  command = \"DELETE FROM orders\"
  expect = \"deny\"
  rule = \"no-bulk-write\"

Keys of a case; those marked with * may stand in [defaults], for all cases of the file:
  name               what the case is called, when it fails
  subject*           who asks [default: unix:agent]
  groups*            the subject's groups
  on_behalf_of       for whom the subject asks
  workload*          [default: agent]
  target*            [default: db]
  protocol*          the target's [default: postgres]
  database*          [default: db]

It asks one of these:
  command            a message of SQL
  connect            true: opening a session
  function_call      true: PostgreSQL's fast-path function call
  replication        a command of streaming replication
  lookup             a name that the DNS is asked about

By these facts:
  signals            names of the signals that are raised
  in_transaction     true inside a transaction
  hour, weekday      0 to 23, monday to sunday [default: 12, monday]
  exe                the program that asks, by its path
  exe_hash, uid      the BLAKE3 of its file in hexadecimal, and who runs it
  application_name   as the session's settings have it
  row_limit          what the parameter of LIMIT $1 is
  estimated_rows     what the target's planner expects
  record_type        of a lookup [default: A]
  declared           of a lookup: true for a host of a declared target
  names_per_minute   of a lookup: how many names were asked about [default: 1]

And should be answered so:
  expect             allow, ask or deny
  rule               what denies it
  approvers          who may answer, of what is asked
  policies           exactly those that decide
  clear, masked      classes of data that are shown, and that are masked

Examples:
  weir policy test
  weir policy test ./policies --json")]
    Test(PolicyTest),
    /// Make a pair of keys to sign policies with
    Keygen(PolicyKeygen),
    /// Sign a directory of policies: its MANIFEST names each file by its hash, with a growing number
    #[command(after_help = "\
Where `[policies] keys` names the public key, the daemon takes the directory only as it was \
signed, and never one with a lower number than it has taken before.

Examples:
  weir policy keygen --key release.pem
  weir policy sign ./policies --key release.pem")]
    Sign(PolicySign),
    /// Write policies that admit what was seen, and no more
    #[command(after_help = "\
Reads what went through, as the records tell it: of observed workloads (mode = \"observe\") what \
would have been refused too. Writes policies that admit exactly that: statements, connections, \
and the names and record types that were looked up. On stderr: a [[target]] for each destination \
that was seen and is not declared. The policies stand alone, so make them a directory of their \
own. Names that only a search domain made, and that there aren't, are passed over. Statements \
that weir can't read, or that run code which no text shows, are left out and told.

Examples:
  weir policy suggest --workload ci > seen.cedar
  weir policy suggest --since 2026-11-01 --out /etc/weir/suggested
  weir policy suggest --records /var/lib/weir/records --by workload")]
    Suggest(Suggest),
    /// Print the Cedar schema that policies are validated against
    Schema,
}

/// Which command to explain.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyExplain {
    /// The session and the number of its command
    #[arg(value_name = "SESSION#N")]
    pub(in crate::cli) command: String,

    #[command(flatten)]
    pub(in crate::cli) reach: Reach,

    #[command(flatten)]
    pub(in crate::cli) config: Configuration,

    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What to test.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyTest {
    /// The directory
    pub(in crate::cli) dir: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) config: Configuration,

    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Where to put new keys.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyKeygen {
    /// The private key's file; the public one's is beside it, with .pub at its end
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key: PathBuf,
}

/// What to sign.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicySign {
    /// The directory
    pub(in crate::cli) dir: PathBuf,

    /// The private key
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key: PathBuf,

    /// The number of the bundle [default: one more than that of the MANIFEST that is there]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) sequence: Option<u64>,
}

/// What to suggest policies from.
#[derive(Debug, Args)]
pub(in crate::cli) struct Suggest {
    #[command(flatten)]
    pub(in crate::cli) reach: Reach,

    /// Only what was seen of this workload
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) workload: Option<String>,

    /// Only sessions that started then or later (`2h`, `yesterday`, `2026-11-21`,
    /// `2026-11-21T10:00:00Z`)
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    pub(in crate::cli) since: Option<jiff::Timestamp>,

    /// Whom the policies are for
    #[arg(long, value_enum, default_value_t = By::Subject)]
    pub(in crate::cli) by: By,

    /// Write the files into this directory instead of printing them; none is overwritten
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
}

/// Whom suggested policies are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum By {
    /// Each subject that was seen
    Subject,
    /// Whoever works in the workload
    Workload,
}
