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
mod when;

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
use crate::control::Prune;

/// Runs `weir sessions …`.
pub(super) fn run(sessions: &Sessions, out: &mut Out) -> Result<(), CliError> {
    let source = Source::new(&sessions.reach);
    match &sessions.command {
        SessionsCommand::List {
            filters,
            limit,
            json,
        } => {
            let wanted = Wanted {
                limit: Some(*limit),
                ..filters.wanted()
            };
            let listed = source.list(&wanted)?;
            if *json {
                out.json(&listed)?;
            } else {
                list::print(&listed, source.live()?.as_ref(), out)?;
            }
        }
        SessionsCommand::Show { id, identity, json } => {
            show::print(source.survey(id, identity.as_deref())?, *json, out)?;
        }
        SessionsCommand::Replay { id, pace, identity } => {
            replay::print(source.open_with(id, identity.as_deref())?, *pace, out)?;
        }
        SessionsCommand::Verify(args) => {
            verify::run(args, sessions.reach.records.as_deref(), out)?;
        }
        SessionsCommand::Watch { id, json } => watch::run(&source, id.as_deref(), *json, out)?,
        SessionsCommand::Kill { id, reason } => kill::run(&source, id, reason.as_deref(), out)?,
        SessionsCommand::Export {
            ids,
            filters,
            format,
            out: path,
            identity,
        } => export::run(
            &source,
            (ids, filters),
            identity.as_deref(),
            (*format, path.as_deref()),
        )?,
        SessionsCommand::Prune {
            keep,
            max_size,
            dry_run,
            json,
        } => {
            let wanted = Prune {
                keep_seconds: keep.map(|keep| keep.as_secs()),
                max_bytes: *max_size,
                dry_run: *dry_run,
            };
            prune::run(&source, &wanted, *json, out)?;
        }
        SessionsCommand::Reindex { json } => reindex(&source, *json, out)?,
    }
    Ok(())
}

fn reindex(source: &Source, json: bool, out: &mut Out) -> Result<(), CliError> {
    let Source::Daemon(client) = source else {
        return Err(CliError::NeedsDaemon { what: "reindex" });
    };
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
