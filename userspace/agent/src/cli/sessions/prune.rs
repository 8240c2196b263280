//! `weir sessions prune`. The daemon's to do: only it knows what is written to, and has the key for
//! what stays of the others.

use weir_record::retain::Due;

use super::{
    super::{
        error::CliError,
        line::{Line, Tone},
        out::Out,
        runtime,
        table::{Column, Table},
    },
    story,
};
use crate::control::{Prune, Pruned, client::Client};

/// Has the daemon remove what was kept long enough, and says what that was.
pub(super) fn run(
    client: &Client,
    wanted: &Prune,
    json: bool,
    out: &mut Out,
) -> Result<(), CliError> {
    let pruned = runtime::small()?.block_on(client.prune(wanted))?;
    if json {
        return Ok(out.json(&pruned)?);
    }
    print(&pruned, out)
}

fn print(pruned: &Pruned, out: &mut Out) -> Result<(), CliError> {
    let Pruned {
        dry_run,
        sessions,
        bytes,
    } = pruned;
    if sessions.is_empty() {
        return Ok(out.line(&Line::of(Tone::Dim, "nothing was kept long enough"))?);
    }
    let mut table = Table::new([
        Column::text("id"),
        Column::text("began"),
        Column::number("bytes"),
        Column::text("for its"),
    ]);
    for Due {
        id, reason, bytes, ..
    } in sessions
    {
        table.row(vec![
            Line::of(Tone::Key, id),
            Line::plain(super::super::moment::second(id.began())),
            Line::plain(bytes),
            Line::plain(reason),
        ]);
    }
    table.print(out)?;
    let count = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
    let count = story::count(count, "session");
    let word = if *dry_run {
        Line::of(Tone::Warn, "would be removed")
    } else {
        Line::of(Tone::Good, "removed")
    };
    Ok(out.line(&word.text(format!(": {count}, {bytes} bytes")))?)
}
