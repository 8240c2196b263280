//! Questions to the DNS that went through.
//!
//! A client that puts search domains behind a name asks about names that nobody meant. Those that
//! there aren't are passed over where the name that was meant is admitted: refused, they are
//! answered just so.

use std::collections::BTreeMap;

use weir_policy::{NameSighting, Whom};
use weir_record::{
    Entry, Event, Intent, Outcome, ReadError, Seq, SessionStart, Status, VerdictSummary,
};

use super::{super::super::super::moment, Gathered};
use crate::{config::HostName, dns};

/// A question that went through.
pub(super) struct Question {
    whom: Whom,
    host: String,
    record_type: String,
    at: String,
    observed: bool,
}

impl Gathered {
    /// Takes in what was asked and not refused in one record.
    pub(super) fn questions(
        &mut self,
        start: &SessionStart,
        entries: impl Iterator<Item = Result<Entry, ReadError>>,
    ) -> Result<(), ReadError> {
        let mut unanswered: BTreeMap<Seq, Question> = BTreeMap::new();
        for entry in entries {
            match entry? {
                Entry::Event(Event::Intent(intent)) => {
                    let question = Question::read(self.whom(start), start, &intent);
                    unanswered.extend(question.map(|question| (intent.seq, question)));
                }
                Entry::Event(Event::Outcome { seq, outcome }) => {
                    let Some(question) = unanswered.remove(&seq) else {
                        continue;
                    };
                    if is_absent(&outcome) {
                        self.absent.push(question);
                    } else {
                        self.asked(&question);
                    }
                }
                _ => {}
            }
        }
        for question in unanswered.values() {
            self.asked(question);
        }
        Ok(())
    }

    /// Takes in the names that there aren't, once all others are: those that were meant.
    pub(in crate::cli::policy::suggest) fn settle(&mut self) {
        let mut absent = std::mem::take(&mut self.absent);
        // What was meant is shorter than what came of it.
        absent.sort_by_key(|question| question.host.len());
        for question in &absent {
            let Question {
                whom, record_type, ..
            } = question;
            let name: Option<HostName> = question.host.parse().ok();
            let mut meant = name.iter().flat_map(dns::without_search_domain);
            let known = |name: HostName| self.suggestion.has_name(whom, name.as_str(), record_type);
            if !meant.any(known) {
                self.asked(question);
            }
        }
    }

    fn asked(&mut self, question: &Question) {
        self.suggestion.add_name(NameSighting {
            whom: &question.whom,
            host: &question.host,
            record_type: &question.record_type,
            at: &question.at,
            observed: question.observed,
        });
    }
}

impl Question {
    /// `None` where it was refused.
    fn read(whom: Whom, start: &SessionStart, intent: &Intent) -> Option<Self> {
        let VerdictSummary::Allow { would_be, .. } = &intent.verdict else {
            return None;
        };
        let (record_type, host) = dns::of_record(&intent.text)?;
        Some(Self {
            whom,
            host: host.to_owned(),
            record_type: record_type.to_owned(),
            at: moment::second(moment::after(start.started, intent.at)),
            observed: would_be.is_some(),
        })
    }
}

fn is_absent(outcome: &Outcome) -> bool {
    matches!(&outcome.status, Status::Completed { tag } if dns::is_absent(tag))
}

#[cfg(test)]
mod tests;
