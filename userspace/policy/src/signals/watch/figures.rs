//! Raised signals in words and numbers, for people and records.

use super::{Bound, BoundRule, Raised, Watch};
use crate::{RaisedSignal, signals::moment::UnixMillis};

impl Watch {
    /// The signals with their figures, for people.
    #[must_use]
    pub fn figures(&self, raised: Raised) -> Vec<RaisedSignal> {
        let bound = self.bound.iter().enumerate();
        bound
            .filter(|(index, _)| raised.holds(*index))
            .map(|(_, bound)| bound.figures(self.now))
            .collect()
    }
}

impl Bound {
    fn figures(&self, now: UnixMillis) -> RaisedSignal {
        let name = self.name.to_string();
        match &self.rule {
            BoundRule::Budget {
                budget, counter, ..
            } => {
                let count = counter.sum(now);
                RaisedSignal {
                    name,
                    figures: format!(
                        "{}: {} in {} of at most {}, for {}",
                        budget.what.as_str(),
                        grouped(count),
                        budget.window,
                        grouped(budget.limit),
                        counter.of
                    ),
                    count: Some(count),
                    limit: Some(budget.limit),
                }
            }
            BoundRule::Schedule { schedule, .. } => RaisedSignal {
                name,
                figures: format!("{} is outside of the hours", schedule.local(now)),
                count: None,
                limit: None,
            },
            BoundRule::Novelty {
                novelty, of, new, ..
            } => {
                let what = novelty.what.as_str();
                let figures = match new {
                    Some(thing) => format!("{what} {}: first seen, for {of}", thing.name),
                    None => format!("{what}: no profile, for {of}"),
                };
                RaisedSignal {
                    name,
                    figures,
                    count: None,
                    limit: None,
                }
            }
            BoundRule::Never => RaisedSignal {
                name,
                figures: String::new(),
                count: None,
                limit: None,
            },
        }
    }
}

/// A number with a comma each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
