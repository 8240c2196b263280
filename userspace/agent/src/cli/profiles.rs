//! `weir profiles`: what signals have learned to be usual for whom, and having it learned anew.

use std::io;

use clap::{Args, Subcommand};
use weir_policy::ProfileStanding;

use super::{
    args::Whoever,
    error::CliError,
    line::{Line, Tone},
    moment,
    out::Out,
    runtime,
    sessions::story::count,
    table::{Column, Table},
};
use crate::control::{Profile, Profiles, Reset, WereReset, client::Client};

/// See what is usual for whom, and have it learned anew.
#[derive(Debug, Args)]
#[command(after_help = "\
A [[novelty]] of signals.toml has a profile for each subject and target (or as its `per` says): \
the tables, verbs, functions or targets that were allowed while it was learned. What isn't in it \
raises the signal from then on, until the profile is learned anew.

Examples:
  weir profiles list
  weir profiles show new-table \"unix:bot on orders\"
  weir profiles reset new-table \"unix:bot on orders\"
  weir profiles reset --all")]
pub(super) struct AskedProfiles {
    #[command(subcommand)]
    command: ProfilesCommand,
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
enum ProfilesCommand {
    /// List what is learned, of whom, from how much
    List {
        #[command(flatten)]
        reach: Whoever,
    },
    /// Show what is usual
    Show {
        /// The signal's name
        signal: String,
        /// Whom it is of, as `list` says; may be left out where there is only one
        of: Option<String>,
        #[command(flatten)]
        reach: Whoever,
    },
    /// Forget what is usual and learn it anew, from now on
    Reset {
        /// The signal's name
        #[arg(required_unless_present = "all")]
        signal: Option<String>,
        /// Whom it is of, as `list` says [default: everybody's of this signal]
        of: Option<String>,
        /// Every profile
        #[arg(long, conflicts_with_all = ["signal", "of"])]
        all: bool,
        #[command(flatten)]
        reach: Whoever,
    },
}

/// Runs `weir profiles …`.
pub(super) fn run(asked: &AskedProfiles, out: &mut Out) -> Result<(), CliError> {
    match &asked.command {
        ProfilesCommand::List { reach } => {
            let client = Client::new(&reach.socket);
            let profiles = runtime::small()?.block_on(client.profiles())?;
            if reach.json {
                return Ok(out.json(&profiles)?);
            }
            Ok(print(&profiles, out)?)
        }
        ProfilesCommand::Show { signal, of, reach } => {
            let profile = runtime::small()?.block_on(find(reach, signal, of.as_deref()))?;
            if reach.json {
                return Ok(out.json(&profile)?);
            }
            Ok(show(&profile, out)?)
        }
        ProfilesCommand::Reset {
            signal, of, reach, ..
        } => {
            let wanted = Reset {
                signal: signal.clone(),
                of: of.clone(),
            };
            let client = Client::new(&reach.socket);
            let done: WereReset = runtime::small()?.block_on(client.reset_profiles(&wanted))?;
            if reach.json {
                return Ok(out.json(&done)?);
            }
            let profiles = match done.reset {
                1 => "1 profile is".to_owned(),
                many => format!("{many} profiles are"),
            };
            let line = Line::of(Tone::Good, profiles).text(" learned anew from now on");
            Ok(out.line(&line)?)
        }
    }
}

/// The profile that is meant: the only one of its signal where nobody is named.
async fn find(reach: &Whoever, signal: &str, of: Option<&str>) -> Result<Profile, CliError> {
    let client = Client::new(&reach.socket);
    if let Some(of) = of {
        return Ok(client.profile(signal, of).await?);
    }
    let mut all = client.profiles().await?.profiles;
    all.retain(|profile| profile.signal == signal);
    match all.as_slice() {
        [one] => Ok(client.profile(signal, &one.of).await?),
        [] => Err(CliError::NoProfile {
            signal: signal.to_owned(),
        }),
        several => Err(CliError::SeveralProfiles {
            signal: signal.to_owned(),
            count: several.len(),
        }),
    }
}

fn print(profiles: &Profiles, out: &mut Out) -> io::Result<()> {
    if profiles.profiles.is_empty() {
        return out.line(&Line::of(
            Tone::Dim,
            "nothing is learned: signals.toml has no [[novelty]], or nobody has come yet",
        ));
    }
    let mut table = Table::new([
        Column::text("signal"),
        Column::text("of"),
        Column::text("state"),
        Column::text("since"),
        Column::text("learned for"),
        Column::number("messages"),
        Column::number("usual"),
    ]);
    for profile in &profiles.profiles {
        table.row([
            Line::of(Tone::Strong, &profile.signal),
            Line::plain(&profile.of),
            state(profile),
            Line::plain(since(profile)),
            Line::plain(&profile.learn),
            Line::plain(profile.messages),
            Line::plain(profile.things),
        ]);
    }
    table.print(out)
}

fn show(profile: &Profile, out: &mut Out) -> io::Result<()> {
    let standing = &profile.standing;
    let what = Line::of(Tone::Strong, &standing.signal)
        .text(", of ")
        .text(&standing.of)
        .text(": ")
        .join(state(standing));
    out.line(&what)?;
    let from = format!(
        "since {}, for {}, from {}",
        since(standing),
        standing.learn,
        count(standing.messages, "message")
    );
    out.line(&Line::of(Tone::Dim, from))?;
    for name in &profile.usual {
        out.line(&Line::plain("  ").text(name))?;
    }
    Ok(())
}

/// While it learns, nothing is new.
fn state(profile: &ProfileStanding) -> Line {
    if profile.learning {
        Line::of(Tone::Warn, "learning")
    } else {
        Line::of(Tone::Good, "learned")
    }
}

fn since(profile: &ProfileStanding) -> String {
    let since = profile.since.timestamp();
    since.map_or_else(|| "-".to_owned(), moment::second)
}

#[cfg(test)]
mod tests {
    use weir_policy::UnixMillis;

    use super::*;
    use crate::cli::out::capture::plain;

    fn standing(learning: bool) -> ProfileStanding {
        ProfileStanding {
            signal: "new-table".into(),
            of: "unix:bot on orders".into(),
            learning,
            learn: "14d".into(),
            since: UnixMillis::from_millis(1_795_773_600_000),
            messages: 12,
            things: 2,
        }
    }

    #[test]
    fn profiles_are_listed_and_shown_and_nothing_of_theirs_moves_the_cursor() {
        let profiles = Profiles {
            profiles: vec![standing(true)],
        };
        assert_eq!(
            plain(|out| print(&profiles, out)),
            "\
signal     of                  state     since                 learned for  messages  usual
new-table  unix:bot on orders  learning  2026-11-27 10:00:00Z  14d                12      2
"
        );
        assert!(plain(|out| print(&Profiles::default(), out)).contains("nothing is learned"));
        let profile = Profile {
            standing: standing(false),
            usual: vec!["orders".into(), "peo\u{1b}[2Jple".into()],
        };
        let shown = plain(|out| show(&profile, out));
        assert!(
            shown.starts_with("new-table, of unix:bot on orders: learned\n"),
            "{shown}"
        );
        assert!(
            shown.contains("for 14d, from 12 messages\n  orders\n"),
            "{shown}"
        );
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}
