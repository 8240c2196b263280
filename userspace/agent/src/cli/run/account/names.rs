//! What a run asked the DNS: how often, what was refused, and which names to declare.

use std::{collections::BTreeSet, io};

use weir_record::{SessionStart, VerdictSummary};

use super::{
    super::super::{
        line::{Line, Tone},
        out::Out,
        sessions::story::count,
    },
    Connection, in_short,
};
use crate::{config::HostName, dns};

/// How many refused names are shown; the rest is counted.
const NAMES_SHOWN: usize = 20;

/// The rule that refuses what no policy permits.
const DEFAULT_DENY: &str = "default-deny";

/// Whether a record holds questions to the DNS.
pub(super) fn is_of_dns(start: &SessionStart) -> bool {
    start.protocol.as_deref() == Some(dns::PROTOCOL)
}

/// Prints the questions of these records together.
pub(super) fn print(records: &[Connection], out: &mut Out) -> io::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let questions = records.iter().map(|record| record.summary.commands).sum();
    out.line(&Line::plain("  ").text(format!("{} to the DNS", count(questions, "question"))))?;
    let mut shown = BTreeSet::new();
    let refused = records.iter().flat_map(|record| &record.refused);
    // A client asks for both kinds of address, and again: once is enough to read.
    let mut refused = refused.filter(|refused| shown.insert(name(&refused.text).to_owned()));
    for refused in refused.by_ref().take(NAMES_SHOWN) {
        out.line(
            &Line::plain("    ")
                .and(Tone::Strong, in_short(&refused.text))
                .text("  ")
                .join(refused.verdict(DEFAULT_DENY)),
        )?;
    }
    let more = u64::try_from(refused.count()).unwrap_or(u64::MAX);
    if more > 0 {
        out.line(&Line::of(
            Tone::Dim,
            format!("    and {}", count(more, "more refused name")),
        ))?;
    }
    Ok(())
}

/// The names that nobody declared, each once, without those that a client made of them by putting
/// a search domain behind.
pub(super) fn undeclared(records: &[Connection]) -> BTreeSet<&str> {
    let refused = records.iter().flat_map(|record| &record.refused);
    let all: BTreeSet<&str> = refused
        .filter(|refused| matches!(&refused.verdict, VerdictSummary::Deny { rule, .. } if rule == DEFAULT_DENY))
        .map(|refused| name(&refused.text))
        .collect();
    let is_longer = |name: &str| {
        let name: Option<HostName> = name.parse().ok();
        let mut shorter = name.iter().flat_map(dns::without_search_domain);
        shorter.any(|name| all.contains(name.as_str()))
    };
    all.iter()
        .copied()
        .filter(|name| !is_longer(name))
        .collect()
}

/// The name in the text of a question, `A db.internal`.
fn name(text: &str) -> &str {
    dns::of_record(text).map_or(text, |(_, name)| name)
}
