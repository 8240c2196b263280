//! What can be typed after `weir access`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Ask for access that nobody has, and grant it for a while.
#[derive(Debug, Args)]
#[command(after_help = "\
What can be granted, and by whom, is said by templates in the policies: \
policies/examples/access.cedar shows some. Nobody grants to themselves. A grant is in force at \
once, ends by itself, and live sessions of its subject on its target end with it. It permits, and \
lifts no forbid.

An id may be shortened to its beginning, as long as that is unique.

Examples:
  weir access request --target orders --actions insert,update --for 2h \\
      --reason INC-1234 --subject unix:bot
  weir access list
  weir access approve 3fa9
  weir access revoke 3fa9 --reason \"done early\"")]
pub(crate) struct Access {
    #[command(subcommand)]
    pub(super) command: AccessCommand,

    /// The daemon's socket
    #[arg(
        long,
        value_name = "PATH",
        env = "WEIR_SOCKET",
        default_value = crate::cli::args::DEFAULT_SOCKET,
        global = true
    )]
    pub(super) socket: PathBuf,

    /// As JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// What to do about access.
#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// Ask for access
    Request {
        /// To which target
        #[arg(long, value_name = "NAME")]
        target: String,
        /// What for: actions of the policy schema, or templates by their ids
        #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
        actions: Vec<String>,
        /// How long, once granted: "30m", "2h"
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        time: u32,
        /// Why, for those who answer
        #[arg(long)]
        reason: String,
        /// For whom: the subject of a workload [default: you]
        #[arg(long, value_name = "ID")]
        subject: Option<String>,
    },
    /// List what you asked for or may answer
    List {
        /// What is over, too
        #[arg(long)]
        all: bool,
    },
    /// Show one request
    Show {
        /// The request
        id: String,
    },
    /// Grant it, from now on
    Approve {
        /// The request
        id: String,
    },
    /// Say no
    Deny {
        /// The request
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// End a grant, or take a request back
    Revoke {
        /// The request
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || "write a number and its unit, as 30m or 2h".to_owned();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(wrong)?;
    let unit: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}
