//! `weir sessions kill`.

use super::super::{
    error::CliError,
    line::{Line, Tone},
    out::Out,
    runtime,
};
use crate::control::client::Client;

/// Ends a live session and says so.
pub(super) fn run(
    client: &Client,
    id: &str,
    reason: Option<&str>,
    out: &mut Out,
) -> Result<(), CliError> {
    let ended = runtime::small()?.block_on(client.kill(id, reason))?;
    let word = if ended.over {
        Line::of(Tone::Good, "ended")
    } else {
        Line::of(Tone::Warn, "told to end, and still has something to write")
    };
    Ok(out.line(&word.text(" ").and(Tone::Key, ended.id))?)
}
