//! What the record says.

use weir_record::{
    End, Entry, Event, Outcome, SessionReader, Side, Status, Summary, VerdictSummary, store,
};

use crate::{agent::contains, common::Gate};

/// One session's record, read.
pub(crate) struct Record {
    pub(crate) entries: Vec<Entry>,
}

impl Record {
    /// The record of the session that began as number `session`, from 0, as far as it is written.
    pub(crate) fn read(gate: &Gate, session: usize) -> Self {
        let summary = &summaries(gate)[session];
        let path = store::path_of(&gate.records, summary.start.id);
        let entries = SessionReader::open(&path).unwrap();
        Self {
            entries: entries.map(Result::unwrap).collect(),
        }
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Event(event) => Some(event),
            Entry::Response { .. } | Entry::Request { .. } => None,
        })
    }

    /// The texts of the commands, each with whether it was allowed.
    pub(crate) fn commands(&self) -> Vec<(&str, bool)> {
        self.events()
            .filter_map(|event| match event {
                Event::Intent(intent) => {
                    let allowed = matches!(intent.verdict, VerdictSummary::Allow { .. });
                    Some((intent.text.as_str(), allowed))
                }
                _ => None,
            })
            .collect()
    }

    /// The rules by which commands were refused.
    pub(crate) fn rules(&self) -> Vec<&str> {
        self.events()
            .filter_map(|event| match event {
                Event::Intent(intent) => match &intent.verdict {
                    VerdictSummary::Deny { rule, .. } => Some(rule.as_str()),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    }

    pub(crate) fn outcomes(&self) -> Vec<&Outcome> {
        self.events()
            .filter_map(|event| match event {
                Event::Outcome { outcome, .. } => Some(outcome),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn statuses(&self) -> Vec<&Status> {
        self.outcomes().iter().map(|o| &o.status).collect()
    }

    /// What the agent saw, as the record has it.
    pub(crate) fn shown(&self) -> Vec<u8> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Response { bytes, .. } => Some(bytes.as_slice()),
                Entry::Event(_) | Entry::Request { .. } => None,
            })
            .flatten()
            .copied()
            .collect()
    }

    pub(crate) fn never_shows(&self, secret: &str) {
        assert!(
            !contains(&self.shown(), secret.as_bytes()),
            "the record shows {secret}"
        );
    }
}

/// The sessions so far, in the order in which they began. A record that is being begun right now
/// is none yet.
pub(crate) fn summaries(gate: &Gate) -> Vec<Summary> {
    let all = weir_record::list(&gate.records).unwrap();
    let mut begun: Vec<Summary> = all.into_iter().flatten().collect();
    begun.sort_by_key(|summary| summary.start.started);
    begun
}

/// How the first session ended.
pub(crate) fn end_of(gate: &Gate) -> End {
    end_of_nth(gate, 0)
}

/// How the session ended that began as number `session`, from 0, once it has.
pub(crate) fn end_of_nth(gate: &Gate, session: usize) -> End {
    for _ in 0..400 {
        let all = summaries(gate);
        if let Some(end) = all.get(session).and_then(|summary| summary.end.clone()) {
            return end;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("session {session} has not ended: {:#?}", summaries(gate));
}

/// The first session ended, and it was this side's fault.
pub(crate) fn blames(gate: &Gate, side: Side) {
    let end = end_of(gate);
    let End::ProtocolError { side: blamed, .. } = end else {
        panic!("{end:?}");
    };
    assert_eq!(blamed, side, "{end:?}");
}
