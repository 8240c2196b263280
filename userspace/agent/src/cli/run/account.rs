//! The account of a run: every connection, what was refused and why, and the way out.
//!
//! Job: gather it from the records and from what the kernel refused, and print it in short. Not
//! its job: the whole story, which the records have.

mod names;

use std::{collections::BTreeMap, fs, io, net::SocketAddr, path::Path};

use jiff::Timestamp;
use weir_record::{
    End, Entry, Event, ReadError, SessionId, SessionReader, Summary, VerdictSummary, store,
};

use super::{
    super::{
        line::{Line, Tone},
        out::Out,
        sessions::story::{self, count},
    },
    place::Place,
};
use crate::engine::KernelRefusal;

/// How many refused commands of a connection are shown; the rest is counted.
const REFUSALS_SHOWN: usize = 20;
/// How much of a refused command's text is shown.
const TEXT_SHOWN: usize = 100;
/// The rule that refuses what no target is declared for.
const UNDECLARED: &str = "undeclared-destination";

/// What happened during one run.
#[derive(Debug, Default)]
pub(super) struct Account {
    connections: Vec<Connection>,
    /// The records of what was asked of the DNS.
    names: Vec<Connection>,
    /// Records that can't be read, and why.
    unreadable: Vec<String>,
    kernel: BTreeMap<KernelCall, u64>,
    /// What the kernel refused beyond what the engine keeps.
    kernel_forgotten: u64,
}

#[derive(Debug)]
struct Connection {
    summary: Summary,
    refused: Vec<Refused>,
}

/// A command that was not forwarded.
#[derive(Debug)]
struct Refused {
    text: String,
    verdict: VerdictSummary,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct KernelCall {
    protocol: String,
    destination: Option<String>,
    process: String,
    reason: String,
}

impl Account {
    /// What the records since `began` tell of the run, and what the kernel refused: the refusals
    /// that the engine kept, and how many there were.
    pub(super) fn gather(
        records: &Path,
        began: Timestamp,
        place: &Place,
        (kernel, refusals): (&[KernelRefusal], u64),
    ) -> Self {
        let kept = u64::try_from(kernel.len()).unwrap_or(u64::MAX);
        let kernel_forgotten = refusals.saturating_sub(kept);
        let mut account = Self {
            kernel_forgotten,
            ..Self::default()
        };
        match since(records, began) {
            Ok(ids) => {
                for id in ids {
                    account.add(&store::path_of(records, id), place);
                }
            }
            Err(error) => {
                account
                    .unreadable
                    .push(format!("can't read {}: {error}", records.display()));
            }
        }
        for refusal in kernel {
            let call = KernelCall {
                protocol: refusal.protocol.clone(),
                destination: refusal.destination.clone(),
                process: refusal.process.clone(),
                reason: refusal.reason.clone(),
            };
            *account.kernel.entry(call).or_default() += 1;
        }
        account
    }

    fn add(&mut self, record: &Path, place: &Place) {
        match Connection::read(record) {
            Ok(connection) if place.holds(&connection.summary.start.process.cgroup) => {
                let of = if names::is_of_dns(&connection) {
                    &mut self.names
                } else {
                    &mut self.connections
                };
                of.push(connection);
            }
            Ok(_another_run) => {}
            Err(error) => self.unreadable.push(error.to_string()),
        }
    }

    /// Prints it.
    pub(super) fn print(&self, out: &mut Out) -> io::Result<()> {
        let connections = u64::try_from(self.connections.len()).unwrap_or(u64::MAX);
        out.line(&prefix().text(match connections {
            0 => "no connection was made".to_owned(),
            number => count(number, "connection"),
        }))?;
        self.connections
            .iter()
            .try_for_each(|connection| connection.print(out))?;
        names::print(&self.names, out)?;
        for (call, times) in &self.kernel {
            out.line(&call.line(*times))?;
        }
        if self.kernel_forgotten > 0 {
            let more = count(self.kernel_forgotten, "more call");
            out.line(
                &Line::plain("  ").and(Tone::Bad, format!("and {more} refused by the kernel")),
            )?;
        }
        for problem in &self.unreadable {
            out.line(&Line::of(Tone::Bad, "  unreadable: ").text(problem))?;
        }
        self.hint(out)
    }

    /// What to declare for the destinations and names that nobody declared.
    fn hint(&self, out: &mut Out) -> io::Result<()> {
        let mut destinations: Vec<SocketAddr> = self
            .connections
            .iter()
            .filter(|connection| connection.is_undeclared())
            .filter_map(|connection| connection.summary.start.destination.parse().ok())
            .collect();
        destinations.sort_unstable();
        destinations.dedup();
        let names = names::undeclared(&self.names);
        let (host, port) = match (destinations.first(), names.first()) {
            (Some(first), _) => (first.ip().to_string(), first.port()),
            (None, Some(name)) => ((*name).to_owned(), 5432),
            (None, None) => return Ok(()),
        };
        out.line(
            &prefix().text("to let the command go there, declare it and give --config FILE:"),
        )?;
        let stanza = format!(
            "[[target]]\nname = \"my-database\"\nprotocol = \"postgres\"\nhosts = [\"{host}\"]\n\
             ports = [{port}]\n[target.credential]\nuser = \"…\"\n\
             password_file = \"/etc/weir/secrets/my-database\"",
        );
        out.block(Tone::Key, "  ", &stanza)?;
        let others = destinations
            .iter()
            .map(ToString::to_string)
            .chain(names.into_iter().map(str::to_owned))
            .skip(1)
            .collect::<Vec<_>>();
        if others.is_empty() {
            return Ok(());
        }
        out.line(&Line::of(
            Tone::Dim,
            format!("  likewise for {}", others.join(", ")),
        ))
    }
}

impl Connection {
    fn read(record: &Path) -> Result<Self, ReadError> {
        let summary = Summary::read(record)?;
        let mut refused = Vec::new();
        for entry in SessionReader::open(record)? {
            if let Entry::Event(Event::Intent(intent)) = entry?
                && !matches!(intent.verdict, VerdictSummary::Allow { would_be: None, .. })
            {
                refused.push(Refused {
                    text: intent.text,
                    verdict: intent.verdict,
                });
            }
        }
        Ok(Self { summary, refused })
    }

    fn is_undeclared(&self) -> bool {
        let refused =
            matches!(&self.summary.end, Some(End::Refused { rule, .. }) if rule == UNDECLARED);
        let start = &self.summary.start;
        refused || (start.observed && start.target.is_none())
    }

    fn print(&self, out: &mut Out) -> io::Result<()> {
        let Summary {
            start,
            commands,
            rows,
            masked,
            end,
            ..
        } = &self.summary;
        let target = start.target.as_deref().unwrap_or("undeclared");
        let mut line = Line::plain("  ")
            .and(Tone::Key, start.id)
            .and(Tone::Strong, format!("  {target}"))
            .text(format!(" {}", start.destination));
        let ended = end.as_ref().map_or_else(
            || Line::of(Tone::Warn, "no end on record"),
            story::end_in_short,
        );
        if let Some(End::Refused { .. }) = end {
            return out.line(&line.text("  ").join(ended));
        }
        line = line.text(format!(
            "  {}, {}",
            count(*commands, "command"),
            count(*rows, "row")
        ));
        if *masked > 0 {
            line = line
                .text(", ")
                .and(Tone::Warn, format!("{} masked", count(*masked, "value")));
        }
        if !matches!(end, Some(End::Closed)) {
            line = line.text(", ").join(ended);
        }
        out.line(&line)?;
        for refused in self.refused.iter().take(REFUSALS_SHOWN) {
            out.line(&Line::plain("    ").join(story::verdict(&refused.verdict)))?;
            out.line(&Line::of(Tone::Dim, "      > ").text(in_short(&refused.text)))?;
        }
        let more = self.refused.len().saturating_sub(REFUSALS_SHOWN);
        if more > 0 {
            let more = count(
                u64::try_from(more).unwrap_or(u64::MAX),
                "more refused command",
            );
            out.line(&Line::of(
                Tone::Dim,
                format!("    and {more}: weir sessions show {}", start.id),
            ))?;
        }
        Ok(())
    }
}

impl KernelCall {
    fn line(&self, times: u64) -> Line {
        let destination = self
            .destination
            .as_ref()
            .map(|to| format!(" to {to}"))
            .unwrap_or_default();
        let times = if times > 1 {
            format!(", {times} times")
        } else {
            String::new()
        };
        Line::plain("  ")
            .and(Tone::Bad, "refused by the kernel")
            .text(format!(
                ": {}{destination} by {}{times} ({})",
                self.protocol, self.process, self.reason
            ))
    }
}

/// What begins each of weir's own lines beside the command's.
pub(super) fn prefix() -> Line {
    Line::of(Tone::Strong, "weir: ")
}

/// The first line of a text, and no more than fits beside its verdict.
fn in_short(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let shown: String = first.chars().take(TEXT_SHOWN).collect();
    let more = shown.len() < first.len() || lines.next().is_some();
    if more { shown + " …" } else { shown }
}

/// The sessions that started at that moment or later, oldest first, by their ids alone.
fn since(records: &Path, began: Timestamp) -> io::Result<Vec<SessionId>> {
    let first = SessionId::new(began, 0);
    let entries = match fs::read_dir(records) {
        // Made with the first record.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let id = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::parse::<SessionId>);
        if let Some(Ok(id)) = id
            && id >= first
        {
            ids.push(id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

#[cfg(test)]
mod tests;
