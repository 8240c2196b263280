//! `weir sessions`: what was asked, judged, and answered.

pub(super) mod args;
mod export;
mod kill;
mod list;
mod masks;
mod postgres;
mod prune;
mod replay;
mod show;
pub(super) mod source;
pub(super) mod story;
mod stream;
mod verify;
mod watch;
pub(super) mod when;

use weir_store::Wanted;

use self::{
    args::{Sessions, SessionsCommand},
    source::Source,
};
use super::{
    error::CliError,
    line::{Line, Tone},
    out::Out,
    runtime,
};
use crate::control::{Prune, client::Client};

/// Runs `weir sessions …`.
pub(super) fn run(sessions: &Sessions, out: &mut Out) -> Result<(), CliError> {
    match &sessions.command {
        SessionsCommand::List {
            filters,
            limit,
            json,
            reach,
        } => {
            let wanted = Wanted {
                limit: Some(*limit),
                ..filters.wanted()
            };
            let source = Source::new(reach);
            let listed = source.list(&wanted)?;
            if *json {
                out.json(&listed)?;
            } else {
                list::print(&listed, source.live()?.as_ref(), out)?;
            }
            if !listed.unreadable.is_empty() {
                out.flush()?;
                return Err(CliError::NotAll);
            }
        }
        SessionsCommand::Show {
            id,
            identity,
            json,
            reach,
        } => {
            let recorded = Source::new(reach).survey(id, identity.as_deref())?;
            show::print(recorded, *json, out)?;
        }
        SessionsCommand::Replay {
            id,
            pace,
            identity,
            reach,
        } => {
            let recorded = Source::new(reach).open_with(id, identity.as_deref())?;
            replay::print(recorded, *pace, out)?;
        }
        SessionsCommand::Verify(args) => verify::run(args, out)?,
        SessionsCommand::Watch { id, json, reach } => {
            watch::run(&Source::new(reach), id.as_deref(), *json, out)?;
        }
        SessionsCommand::Kill { id, reason, daemon } => {
            kill::run(&Client::new(&daemon.socket), id, reason.as_deref(), out)?;
        }
        SessionsCommand::Export {
            ids,
            filters,
            format,
            out: path,
            identity,
            reach,
        } => export::run(
            &Source::new(reach),
            (ids, filters),
            identity.as_deref(),
            (*format, path.as_deref()),
            &mut Out::stderr(),
        )?,
        SessionsCommand::Prune {
            keep,
            max_size,
            dry_run,
            json,
            daemon,
        } => {
            let wanted = Prune {
                keep_seconds: keep.map(|keep| keep.as_secs()),
                max_bytes: *max_size,
                dry_run: *dry_run,
            };
            prune::run(&Client::new(&daemon.socket), &wanted, *json, out)?;
        }
        SessionsCommand::Reindex { json, daemon } => {
            reindex(&Client::new(&daemon.socket), *json, out)?;
        }
    }
    Ok(())
}

fn reindex(client: &Client, json: bool, out: &mut Out) -> Result<(), CliError> {
    let made = runtime::small()?.block_on(client.reindex())?;
    if json {
        return Ok(out.json(&made)?);
    }
    let sessions = u64::try_from(made.sessions).unwrap_or(u64::MAX);
    let line =
        Line::of(Tone::Good, "made anew").text(format!(": {}", story::count(sessions, "session")));
    out.line(&line)?;
    if made.unreadable > 0 {
        let unreadable = u64::try_from(made.unreadable).unwrap_or(u64::MAX);
        let unreadable = story::count(unreadable, "record");
        out.line(&Line::of(
            Tone::Bad,
            format!("{unreadable} can't be read: `weir sessions list` names them"),
        ))?;
    }
    Ok(())
}
