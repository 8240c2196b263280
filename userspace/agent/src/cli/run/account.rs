//! The account of a run: every connection, what was refused and why, and the way out.
//!
//! Job: gather it from the records and from what the kernel refused, and print it in short. Not
//! its job: the whole story, which the records have.

mod hint;
mod kernel;
mod names;

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use weir_record::{
    End, Entry, Event, ReadError, SessionId, SessionReader, SessionStart, Summary, VerdictSummary,
    store,
};

use self::{hint::Undeclared, kernel::Asked};
use super::{
    super::{
        line::{Line, Tone},
        moment,
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
    kernel: kernel::Refused,
    /// Where the records are.
    records: PathBuf,
    began: Timestamp,
}

#[derive(Debug)]
struct Connection {
    summary: Summary,
    refused: Vec<Refused>,
    /// In a record of questions to the DNS: which process was answered, and when it asked.
    asked: Asked,
}

/// A command that was not forwarded.
#[derive(Debug)]
struct Refused {
    text: String,
    verdict: VerdictSummary,
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
        let mut account = Self {
            records: records.to_owned(),
            began,
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
        let asked = account.names.iter().flat_map(|record| &record.asked);
        let asked = asked.copied().collect();
        account.kernel = kernel::Refused::gather(kernel, refusals, &asked);
        account
    }

    fn add(&mut self, record: &Path, place: &Place) {
        match Connection::read(record) {
            Ok(connection) if place.holds(&connection.summary.start.process.cgroup) => {
                let of = if names::is_of_dns(&connection.summary.start) {
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
        let mut head = prefix().text(match connections {
            0 => "no connection was made".to_owned(),
            number => count(number, "connection"),
        });
        if self.observed().is_some() {
            let observed = "observed: what would have been refused is marked";
            head = head.text(", ").and(Tone::Warn, observed);
        }
        out.line(&head)?;
        self.connections
            .iter()
            .try_for_each(|connection| connection.print(out))?;
        names::print(&self.names, out)?;
        self.kernel.print(out)?;
        for problem in &self.unreadable {
            out.line(&Line::of(Tone::Bad, "  unreadable: ").text(problem))?;
        }
        self.hint(out)
    }

    /// What went on only observed.
    fn observed(&self) -> Option<&SessionStart> {
        let mut all = self.connections.iter().chain(&self.names);
        let observed = all.find(|connection| connection.summary.start.observed)?;
        Some(&observed.summary.start)
    }

    /// What to do next.
    fn hint(&self, out: &mut Out) -> io::Result<()> {
        // What there is to declare comes with the policies.
        if let Some(observed) = self.observed() {
            return hint::suggest(&self.records, &observed.workload, self.began, out);
        }
        let dialled = self.connections.iter().filter_map(Connection::undeclared);
        let refused = names::undeclared(&self.names);
        let refused = refused.into_iter().map(Undeclared::name);
        hint::declare(&dialled.chain(refused).collect(), out)
    }
}

impl Connection {
    fn read(record: &Path) -> Result<Self, ReadError> {
        let summary = Summary::read(record)?;
        let start = &summary.start;
        let is_of_dns = names::is_of_dns(start);
        let mut speaker = start.process.pid;
        let mut refused = Vec::new();
        let mut asked = Asked::new();
        for entry in SessionReader::survey(record)?.without_results() {
            let intent = match entry? {
                Entry::Event(Event::Process(process)) => {
                    speaker = process.pid;
                    continue;
                }
                Entry::Event(Event::Intent(intent)) => intent,
                _ => continue,
            };
            let went_through = matches!(intent.verdict, VerdictSummary::Allow { .. });
            if is_of_dns && went_through {
                asked.insert((speaker, moment::after(start.started, intent.at)));
            }
            if !matches!(intent.verdict, VerdictSummary::Allow { would_be: None, .. }) {
                refused.push(Refused {
                    text: intent.text,
                    verdict: intent.verdict,
                });
            }
        }
        Ok(Self {
            summary,
            refused,
            asked,
        })
    }

    /// Where it wanted to go, if that was refused because nobody had declared it.
    fn undeclared(&self) -> Option<Undeclared> {
        let Some(End::Refused { rule, .. }) = &self.summary.end else {
            return None;
        };
        let start = &self.summary.start;
        let destination: SocketAddr = start.destination.parse().ok()?;
        let host = start.destination_name.clone();
        let host = host.unwrap_or_else(|| destination.ip().to_string());
        (rule == UNDECLARED).then(|| Undeclared::dialled(host, destination.port()))
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
            out.line(&Line::plain("    ").join(refused.verdict(UNDECLARED)))?;
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

impl Refused {
    /// How it was judged; without the reason where it is this rule, to which the account's end has
    /// the way out.
    fn verdict(&self, hinted: &str) -> Line {
        let decided = match &self.verdict {
            VerdictSummary::Allow {
                would_be: Some(would_be),
                ..
            } => would_be,
            verdict => verdict,
        };
        match decided {
            VerdictSummary::Deny { rule, .. } if rule == hinted => {
                story::verdict_in_short(&self.verdict)
            }
            _ => story::verdict(&self.verdict),
        }
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
