//! What to do next: declare what nobody declared, or have policies written from what was observed.
//!
//! What is printed to be put into weir.toml is a configuration that loads once its blanks, `…`, are
//! filled in.

use std::{collections::BTreeSet, env, io, path::Path};

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::{
    super::super::{
        line::{Line, Tone},
        out::Out,
    },
    prefix,
};

/// How many further destinations are named; the rest is counted.
const OTHERS_SHOWN: usize = 5;
/// Ports at which PostgreSQL and its poolers usually listen.
const POSTGRES: [u16; 3] = [5432, 5433, 6432];
/// Longest name that a target may have.
const LONGEST_NAME: usize = 64;

/// Where a run wanted to go and nobody had declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Undeclared {
    kind: Kind,
    /// A name or an address.
    host: String,
    /// None where nothing was dialled.
    port: Option<u16>,
}

/// What is likely to be there. The surest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Postgres,
    Opaque,
    /// A name that was refused tells no port.
    Unknown,
}

impl Undeclared {
    /// A destination that was dialled.
    pub(super) fn dialled(host: String, port: u16) -> Self {
        let kind = if POSTGRES.contains(&port) {
            Kind::Postgres
        } else {
            Kind::Opaque
        };
        Self {
            kind,
            host,
            port: Some(port),
        }
    }

    /// A name that could not be looked up.
    pub(super) fn name(host: &str) -> Self {
        Self {
            kind: Kind::Unknown,
            host: host.to_owned(),
            port: None,
        }
    }

    fn stanza(&self) -> String {
        let Self { host, .. } = self;
        let name = self.target();
        let head = format!("[[target]]\nname = \"{name}\"");
        let hosts = format!("hosts = [\"{host}\"]");
        let port = self.port.unwrap_or_default();
        match self.kind {
            Kind::Postgres => format!(
                "{head}\nprotocol = \"postgres\"\n{hosts}\nports = [{port}]\n[target.credential]\n\
                 user = \"…\"\npassword_file = \"/etc/weir/secrets/{name}\""
            ),
            Kind::Opaque => format!("{head}\nprotocol = \"tcp\"\n{hosts}\nports = [{port}]"),
            Kind::Unknown => format!(
                "{head}\nprotocol = \"tcp\"  # or \"postgres\", with a [target.credential]\n\
                 {hosts}\nports = […]"
            ),
        }
    }

    /// A name for the target: what it is called, or else where it is.
    fn target(&self) -> String {
        let plain = |c| {
            if char::is_ascii_alphanumeric(&c) || "._-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let host = self.host.chars().map(plain);
        let name: String = if self.host.starts_with(|c: char| c.is_ascii_alphabetic()) {
            host.collect()
        } else {
            "host-".chars().chain(host).collect()
        };
        name.chars().take(LONGEST_NAME).collect()
    }

    fn short(&self) -> String {
        match self.port {
            Some(port) if self.host.contains(':') => format!("[{}]:{port}", self.host),
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

/// Shows how to declare the first of each kind, and names the others.
pub(super) fn declare(undeclared: &BTreeSet<Undeclared>, out: &mut Out) -> io::Result<()> {
    if undeclared.is_empty() {
        return Ok(());
    }
    out.line(&prefix().text("to let the command go there, declare it and give --config FILE:"))?;
    let mut others = Vec::new();
    let mut kind = None;
    for destination in undeclared {
        if kind == Some(destination.kind) {
            others.push(destination.short());
            continue;
        }
        kind = Some(destination.kind);
        out.block(Tone::Key, "  ", &destination.stanza())?;
    }
    if others.is_empty() {
        return Ok(());
    }
    let more = others.len().saturating_sub(OTHERS_SHOWN);
    others.truncate(OTHERS_SHOWN);
    let mut line = format!("  likewise for {}", others.join(", "));
    if more > 0 {
        line = format!("{line} and {more} more");
    }
    out.line(&Line::of(Tone::Dim, line))
}

/// Says how to get policies from what was observed of this workload since the run began.
pub(super) fn suggest(
    records: &Path,
    workload: &str,
    began: Timestamp,
    out: &mut Out,
) -> io::Result<()> {
    let line = "for policies that admit what was seen, and the targets to declare:";
    out.line(&prefix().text(line))?;
    // As it was called, so that it can be called again.
    let sudo = env::var_os("SUDO_UID").map_or("", |_| "sudo ");
    let floor = TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(RoundMode::Floor);
    let began = began.round(floor).unwrap_or(began);
    let records = word(&records.display().to_string());
    let command = format!(
        "{sudo}weir policy suggest --records {records} --workload {workload} --since {began}"
    );
    out.line(&Line::plain("  ").and(Tone::Key, command))
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
