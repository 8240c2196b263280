//! `weir sessions`: what was asked, judged, and answered.

mod kill;
mod list;
mod postgres;
mod replay;
mod show;
pub(super) mod source;
pub(super) mod story;
mod stream;
mod verify;

use self::source::Source;
pub(super) use self::verify::time;
use super::{
    args::{Sessions, SessionsCommand},
    error::CliError,
    out::Out,
};
use crate::control::Wanted;

/// Runs `weir sessions …`.
pub(super) fn run(sessions: &Sessions, out: &mut Out) -> Result<(), CliError> {
    let source = Source::new(&sessions.reach);
    match &sessions.command {
        SessionsCommand::List {
            subject,
            target,
            limit,
            json,
        } => {
            let wanted = Wanted {
                subject: subject.as_deref(),
                target: target.as_deref(),
                limit: *limit,
            };
            let listed = source.list(wanted)?;
            if *json {
                out.json(&listed)?;
            } else {
                list::print(&listed, source.live()?.as_ref(), out)?;
            }
        }
        SessionsCommand::Kill { id, reason } => kill::run(&source, id, reason.as_deref(), out)?,
        SessionsCommand::Show { id, identity, json } => {
            show::print(source.open_with(id, identity.as_deref())?, *json, out)?;
        }
        SessionsCommand::Replay { id, pace, identity } => {
            replay::print(source.open_with(id, identity.as_deref())?, *pace, out)?;
        }
        SessionsCommand::Verify(args) => {
            verify::run(args, sessions.reach.records.as_deref(), out)?;
        }
    }
    Ok(())
}
