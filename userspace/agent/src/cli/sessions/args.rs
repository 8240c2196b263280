//! What can be typed behind `weir sessions`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use weir_store::{Answer, Wanted};

use super::{
    super::{
        args::{Reach, Socket},
        configuration::Configuration,
    },
    when,
};
use crate::config::{self, InvalidValue};

/// See what agents asked and what they got, and end it.
#[derive(Debug, Args)]
#[command(after_help = "\
An id may be shortened to its beginning, as long as that is unique. Times are UTC.

Examples:
  weir sessions list --subject unix:alice --since 2h
  weir sessions list --verdict deny --table public.people --since yesterday
  weir sessions show 01jd8x
  weir sessions replay 01jd8x --pace 10x
  weir sessions watch                          every command, as it is judged
  weir sessions kill 01jd8x --reason 'it reads what it should not'
  weir sessions export --since 2026-11-01 --out november.jsonl
  weir sessions list --records ./records       without a daemon")]
pub(in crate::cli) struct Sessions {
    #[command(subcommand)]
    pub(in crate::cli) command: SessionsCommand,
}

/// What to see, or to do.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SessionsCommand {
    /// List sessions, newest first
    #[command(after_help = LISTING)]
    List {
        #[command(flatten)]
        filters: Filters,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show who connected where, each command, its verdict and its outcome
    Show {
        /// The session
        id: String,
        /// Decrypt it with this age identity file
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show what was asked, how it was judged, and what the agent saw
    #[command(after_help = "\
Columns whose values were masked are marked, and so are these values: they are shown as the agent \
saw them, since the record holds no others.")]
    Replay {
        /// The session
        id: String,
        /// How fast: `real`, as it was, with silences longer than 5 seconds cut and told; `10x` and
        /// the like, so many times faster; `fast`, at once; `step`, command by command, at the Enter
        /// key
        #[arg(long, value_name = "PACE", default_value = "fast")]
        pace: Pace,
        /// Decrypt it with this age identity file
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Check that records are what the host wrote: all of them, or those named
    Verify(VerifyArgs),
    /// Follow a live session, or every command of all of them
    #[command(after_help = "\
With a session: all that it did so far and what it does from now on, with what the agent sees, \
until it ends. Without: one line a command of every live session, from now on.")]
    Watch {
        /// The session
        id: Option<String>,
        /// As JSON, an object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// End a live session at once; the agent gets an error of its protocol
    Kill {
        /// The session
        id: String,
        /// What for; it goes on record and to the agent
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        daemon: Socket,
    },
    /// Write sessions out for other programs, oldest first
    #[command(after_help = EXPORTING)]
    Export {
        /// The sessions [default: all that the filters let through]
        #[arg(conflicts_with_all = ["subject", "target", "workload", "verdict", "table", "text", "since", "until"])]
        ids: Vec<String>,
        #[command(flatten)]
        filters: Filters,
        /// In which form
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        /// Into this file, which must not be there yet, instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Decrypt them with this age identity file
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Remove whole sessions that were kept long enough, oldest first, and never an open one
    #[command(after_help = PRUNING)]
    Prune {
        /// Remove those that ended longer ago, as in 90d
        #[arg(long, value_name = "DAYSd", value_parser = days)]
        keep: Option<Duration>,
        /// Remove the oldest while all have more, as in 20GiB
        #[arg(long, value_name = "SIZE", value_parser = size)]
        max_size: Option<u64>,
        /// Only say which would be removed
        #[arg(long)]
        dry_run: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        daemon: Socket,
    },
    /// Have the daemon make its index of the records anew
    Reindex {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        daemon: Socket,
    },
}

/// Check that records are what the host wrote.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 all is sound, 1 something is wrong and said, or nothing could be verified.

Examples:
  weir sessions verify                                   the whole host
  weir sessions verify 01jd8x
  weir sessions verify --since 2026-11-01 --until 2026-12-01
  weir sessions verify --records ./copy --key record.pub a copy, elsewhere")]
pub(in crate::cli) struct VerifyArgs {
    /// Only these sessions
    #[arg(conflicts_with_all = ["since", "until"])]
    pub(in crate::cli) ids: Vec<String>,
    /// Only those that began then or later
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    pub(in crate::cli) since: Option<jiff::Timestamp>,
    /// Only those that began then or earlier
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    pub(in crate::cli) until: Option<jiff::Timestamp>,
    /// The records [default: those of the configuration, or /var/lib/weir/records]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) records: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) config: Configuration,
    /// The host's public keys [default: record.pub beside the records]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

const LISTING: &str = "\
What is said of commands (--verdict, --table, --text, and the times) is asked of one and the same \
command. A table may be qualified further than the statement names it: `public.people` finds a \
plain `people`, too. Text is found in statements and in the values sent beside them, whatever the \
case, but not in encrypted records. Records that can't be read are named, and the command fails.

Examples:
  weir sessions list --verdict deny --since 24h
  weir sessions list --table public.people --text card_number
  weir sessions list --json --limit 1000 | jq '.sessions[].start.subject'";

const EXPORTING: &str = "\
Formats:
  jsonl  everything on record, an object a line: each event, and what the
         agent saw, decoded into rows for PostgreSQL and in hexadecimal for
         what weir does not read
  csv    a line a command. A cell that a spreadsheet would take for a formula
         begins with a ' that is not of the record
  ocsf   events of the Open Cybersecurity Schema Framework, an object a line,
         without results

Records that can't be read are told on standard error; the others are written out, and the \
command fails.

Examples:
  weir sessions export 01jd8x > session.jsonl
  weir sessions export --verdict deny --since 7d --format csv --out deny.csv";

const PRUNING: &str = "\
Without --keep and --max-size, what [records] in weir.toml says, which the daemon also does by \
itself. Of each session that is removed a signed entry stays, which `weir sessions verify` \
accepts in its place. What [ship] is to upload first stays until it was.

Examples:
  weir sessions prune --keep 90d --dry-run
  weir sessions prune --max-size 20GiB";

/// Which sessions.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Filters {
    /// Only this subject's
    #[arg(long)]
    subject: Option<String>,
    /// Only those to this target
    #[arg(long)]
    target: Option<String>,
    /// Only those of this workload
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Only those with a command that was answered so
    #[arg(long, value_enum)]
    verdict: Option<Verdict>,
    /// Only those with a command that names this table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only those with a command that has this in it
    #[arg(long)]
    text: Option<String>,
    /// Only what was open then or later (`2h`, `yesterday`, `2026-11-21`, `2026-11-21T10:00:00Z`)
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    since: Option<Timestamp>,
    /// Only what was open before then
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    until: Option<Timestamp>,
}

/// How a command was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Verdict {
    /// It went on
    Allow,
    /// It was refused, or its whole session was
    Deny,
    /// A human was asked
    Ask,
    /// It went on only because its workload is observed
    Observed,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// JSON Lines
    Jsonl,
    /// Comma-separated values
    Csv,
    /// OCSF events, as `[ship]` sends them
    Ocsf,
}

/// How fast a session is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Pace {
    /// So many times faster than it was.
    Times(u32),
    /// At once.
    Fast,
    /// Command by command.
    Step,
}

fn days(text: &str) -> Result<Duration, String> {
    config::keep(text).map_err(InvalidValue::whole)
}

fn size(text: &str) -> Result<u64, String> {
    config::bytes(text).map_err(InvalidValue::whole)
}

impl std::str::FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = text.strip_suffix('x').and_then(|times| times.parse().ok());
        match (text, times) {
            ("real", _) => Ok(Self::Times(1)),
            ("fast", _) => Ok(Self::Fast),
            ("step", _) => Ok(Self::Step),
            (_, Some(times @ 1..=1_000_000)) => Ok(Self::Times(times)),
            _ => Err("it is real, fast, step, or a number of times as in 10x".to_owned()),
        }
    }
}

impl Filters {
    /// As the index is asked.
    pub(super) fn wanted(&self) -> Wanted {
        let filters = self.clone();
        Wanted {
            subject: filters.subject,
            target: filters.target,
            workload: filters.workload,
            verdict: filters.verdict.map(|verdict| match verdict {
                Verdict::Allow => Answer::Allow,
                Verdict::Deny => Answer::Deny,
                Verdict::Ask => Answer::Ask,
                Verdict::Observed => Answer::Observed,
            }),
            table: filters.table,
            text: filters.text,
            since: filters.since,
            until: filters.until,
            before: None,
            limit: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces_are_words_or_times() {
        assert_eq!("real".parse(), Ok(Pace::Times(1)));
        assert_eq!("10x".parse(), Ok(Pace::Times(10)));
        for wrong in ["", "x", "0x", "-1x", "10", "1.5x", "9999999x", "Real"] {
            assert!(wrong.parse::<Pace>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refused_age_or_size_comes_with_the_way_out() {
        assert_eq!(days("90d"), Ok(Duration::from_secs(90 * 24 * 3600)));
        assert_eq!(size("20GiB"), Ok(20 << 30));
        for (told, way_out) in [
            (days("90").unwrap_err(), "did you mean \"90d\"?"),
            (days("x").unwrap_err(), "as \"90d\""),
            (size("foo").unwrap_err(), "\"64MiB\""),
            (size("20GB").unwrap_err(), "did you mean \"20GiB\"?"),
        ] {
            assert!(
                told.contains("is not a") && told.contains(way_out),
                "{told}"
            );
        }
    }
}
