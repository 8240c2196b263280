//! The scenes, in order: each shows something and claims what it shows.

mod detours;
mod queries;
mod records;
mod refusals;
mod stopped;

use anyhow::Result;

use super::play::Play;
use crate::interrupt;

type Scene = (&'static str, fn(&mut Play) -> Result<()>);

const SCENES: &[Scene] = &[
    ("Without weir the agent can't even log in", queries::outside),
    (
        "Behind weir it queries, without a password",
        queries::allowed,
    ),
    ("Emails and card numbers are masked", queries::masked),
    (
        "They are masked, or refused, whatever the query calls them",
        queries::disguised,
    ),
    (
        "DROP DATABASE is refused, and the session goes on",
        refusals::destroy,
    ),
    ("DELETE without WHERE is refused", refusals::bulk_write),
    ("IPv6 is no way round", detours::other_family),
    ("Another port is no way round", detours::other_port),
    ("A raw socket is no way round", detours::other_sockets),
    ("All of it is on record", records::list),
    (
        "So is what was refused, under the name that the refusal gave",
        records::show,
    ),
    ("A session is replayed as the agent saw it", records::replay),
    ("How weir stands", records::status),
];

/// Plays them all; an error only if an end was asked for. A scene that can't be played is a claim
/// that failed.
pub(super) fn all(play: &mut Play) -> Result<()> {
    for scene in SCENES {
        one(play, scene);
        interrupt::check()?;
    }
    Ok(())
}

/// The last, which ends weir.
pub(super) fn last(play: &mut Play) {
    one(
        play,
        &("Weir is stopped, and nothing passes", stopped::fails_closed),
    );
}

fn one(play: &mut Play, (title, scene): &Scene) {
    play.report.scene(title);
    if let Err(error) = scene(play)
        && interrupt::check().is_ok()
    {
        play.report
            .claim("this can be shown", Err(format!("{error:#}")));
    }
}
