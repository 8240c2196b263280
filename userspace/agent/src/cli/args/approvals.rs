//! `weir approvals`, as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DEFAULT_SOCKET;

/// See and answer what waits for people.
#[derive(Debug, Args)]
#[command(after_help = "\
Who may answer is what the policies say (@approvers): people who are signed in (`weir login`, or \
the file of a token in WEIR_TOKEN_FILE), or root where they name nobody or `unix:root`. Nobody \
answers what they, or an agent on their behalf, ask.

Examples:
  weir approvals list
  weir approvals show 01jd8x
  weir approvals approve 01jd8x
  weir approvals approve 01jd8x --shape 30   such statements, for half an hour
  weir approvals deny 01jd8x --reason 'ask support first'
  weir approvals watch --json | jq -r .request.id")]
pub(in crate::cli) struct Approvals {
    #[command(subcommand)]
    pub(in crate::cli) command: ApprovalsCommand,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ApprovalsCommand {
    /// List what waits
    List {
        /// Which to list
        #[arg(long, value_name = "STATE", value_parser = ["pending", "settled"], default_value = "pending")]
        state: String,
        /// What was settled last, too
        #[arg(long, conflicts_with = "state")]
        all: bool,
        #[command(flatten)]
        at: At,
    },
    /// Show one request: who asks, for exactly what, and what policy says
    Show {
        /// The request's id, or the beginning of it
        id: String,
        #[command(flatten)]
        at: At,
    },
    /// Say yes
    Approve(Yes),
    /// Say no, and why
    Deny(No),
    /// Follow what is asked and answered
    Watch(Watching),
}

/// Where to ask, and how to tell.
#[derive(Debug, Args)]
pub(in crate::cli) struct At {
    /// The daemon's socket
    #[arg(long, value_name = "PATH", env = "WEIR_SOCKET", default_value = DEFAULT_SOCKET)]
    pub(in crate::cli) socket: PathBuf,

    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What is answered.
#[derive(Debug, Args)]
pub(in crate::cli) struct Answering {
    /// The request's id, or the beginning of it
    pub(in crate::cli) id: String,

    /// Only if it is still what `show` told with this hash
    #[arg(long, value_name = "HASH")]
    pub(in crate::cli) hash: Option<String>,

    #[command(flatten)]
    pub(in crate::cli) at: At,
}

/// A yes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Yes {
    #[command(flatten)]
    pub(in crate::cli) answering: Answering,

    /// To all that the same policies ask about in this session, until it ends
    #[arg(long, conflicts_with = "shape")]
    pub(in crate::cli) session: bool,

    /// To statements that differ from this only in their values, by the same subject on the same
    /// target, for so many minutes (at most 240)
    #[arg(long, value_name = "MINUTES")]
    pub(in crate::cli) shape: Option<u64>,

    /// Why; it goes on record
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) reason: Option<String>,
}

/// A no.
#[derive(Debug, Args)]
pub(in crate::cli) struct No {
    #[command(flatten)]
    pub(in crate::cli) answering: Answering,

    /// Why; it goes on record and to the agent
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) reason: String,
}

/// Follow what is asked and answered.
#[derive(Debug, Args)]
pub(in crate::cli) struct Watching {
    #[command(flatten)]
    pub(in crate::cli) at: At,
}
