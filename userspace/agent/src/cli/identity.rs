//! `weir identity`: who workloads are, and revoking one.

use std::io;

use jiff::Timestamp;

use super::{
    args::{Identity, IdentityCommand},
    error::CliError,
    line::{Line, Tone},
    moment,
    out::Out,
    runtime,
    table::{Column, Table},
};
use crate::{
    control::{Revoked, client::Client},
    identity::IdentityStatus,
};

/// Runs `weir identity …`.
pub(super) fn run(asked: &Identity, out: &mut Out) -> Result<(), CliError> {
    match &asked.command {
        IdentityCommand::List { reach } => {
            let client = Client::new(&reach.socket);
            let status = runtime::small()?.block_on(client.status())?;
            if reach.json {
                return Ok(out.json(&status.identities)?);
            }
            print(&status.identities, out)?;
            Ok(failures(&status.identities, out)?)
        }
        IdentityCommand::Revoke { name, reach } => set(name, "revoke", reach, out),
        IdentityCommand::Restore { name, reach } => set(name, "restore", reach, out),
    }
}

fn set(
    name: &str,
    what: &str,
    reach: &super::args::Whoever,
    out: &mut Out,
) -> Result<(), CliError> {
    let client = Client::new(&reach.socket);
    let asked = client.change_identity(name, what);
    let told: Revoked = runtime::small()?.block_on(asked)?;
    if reach.json {
        return Ok(out.json(&told)?);
    }
    let line = match (told.revoked, told.changed) {
        (true, true) => Line::of(Tone::Good, "revoked").text(": its live sessions end now"),
        (true, false) => Line::of(Tone::Dim, "it was revoked before"),
        (false, true) => Line::of(Tone::Good, "restored"),
        (false, false) => Line::of(Tone::Dim, "it was not revoked"),
    };
    Ok(out.line(&line)?)
}

/// A table of how they stand.
pub(super) fn print(identities: &[IdentityStatus], out: &mut Out) -> io::Result<()> {
    let mut table = Table::new([
        Column::text("identity"),
        Column::text("kind"),
        Column::text("state"),
        Column::text("subject"),
        Column::text("until"),
    ]);
    let now = Timestamp::now();
    for identity in identities {
        let tone = match identity.state.as_str() {
            "verified" => Tone::Good,
            "declared" => Tone::Plain,
            _ => Tone::Bad,
        };
        let until = identity.expires.map(|at| moment::until(at, now));
        table.row([
            Line::of(Tone::Strong, &identity.name),
            Line::plain(&identity.kind),
            Line::of(tone, &identity.state),
            Line::plain(identity.subject.as_deref().unwrap_or("-")),
            Line::plain(until.unwrap_or("-".to_owned())),
        ]);
    }
    table.print(out)
}

/// What went wrong last with each, below the table.
pub(super) fn failures(identities: &[IdentityStatus], out: &mut Out) -> io::Result<()> {
    for identity in identities {
        if let Some(failure) = &identity.failure {
            let line = Line::of(Tone::Bad, format!("{}: ", identity.name));
            out.line(&line.text(failure))?;
        }
    }
    Ok(())
}
