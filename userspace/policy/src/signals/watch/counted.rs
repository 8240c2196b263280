//! What a session does, put on its counters and into its profiles.

use super::{Amount, BoundRule, Raised, Tally, Watch, asked, tables, things};
use crate::signals::{
    footprint::Footprint,
    rules::{Budget, What},
};

impl Watch {
    /// Counts a message that was allowed, and learns from it.
    pub fn allowed<'a>(&mut self, prints: &(impl Iterator<Item = &'a Footprint> + Clone)) {
        let now = self.now;
        let target = self.target.as_ref();
        for bound in &mut self.bound {
            match &mut bound.rule {
                BoundRule::Budget {
                    budget,
                    counter,
                    recent,
                    pending,
                    ..
                } => {
                    let counted = prints
                        .clone()
                        .filter(|print| print.does(budget.actions.as_deref()));
                    match (&counter.tally, budget.what) {
                        (Tally::Meter(_), What::Statements | What::Sessions) => {
                            *pending = pending.saturating_add(asked(budget.what, counted));
                        }
                        (Tally::Distinct(distinct), _) => {
                            distinct.note(now, tables(counted), recent);
                        }
                        _ => {}
                    }
                }
                BoundRule::Novelty {
                    novelty,
                    profile: Some(profile),
                    usual,
                    ..
                } => {
                    let things = things(novelty.what, target, prints.clone());
                    profile.learn(now, novelty.learn, things, usual);
                }
                _ => {}
            }
        }
    }

    /// Counts a message that was refused. One that comes while a budget of refusals is used up
    /// does not count in it: who is locked out is not kept out by knocking.
    pub fn refused<'a>(&mut self, prints: &(impl Iterator<Item = &'a Footprint> + Clone)) {
        let now = self.now;
        for bound in &self.bound {
            if let BoundRule::Budget {
                budget, counter, ..
            } = &bound.rule
                && let (Tally::Meter(meter), What::Refusals) = (&counter.tally, budget.what)
                && prints
                    .clone()
                    .any(|print| print.does(budget.actions.as_deref()))
                && meter.sum(now) < budget.limit
            {
                meter.add(now, 1);
            }
        }
    }

    /// Counts what a message of this footprint brought about; `None` is one that is of no
    /// statement. The signals that it exceeds by this and that cut, without those in `judged`: with
    /// them it was allowed. What doesn't cut is told to others once it is [settled](Self::settle).
    pub fn count(&mut self, amount: Amount, print: Option<&Footprint>, judged: Raised) -> Raised {
        let now = self.now;
        let mut cut = Raised::default();
        for (index, bound) in self.bound.iter_mut().enumerate() {
            let BoundRule::Budget {
                budget,
                counter,
                pending,
                ..
            } = &mut bound.rule
            else {
                continue;
            };
            let (Tally::Meter(meter), amount) = (
                &counter.tally,
                match (budget.what, amount) {
                    (What::Rows, Amount::Rows(amount)) | (What::Bytes, Amount::Bytes(amount)) => {
                        amount
                    }
                    _ => continue,
                },
            ) else {
                continue;
            };
            if !concerns(budget, print) {
                continue;
            }
            *pending = pending.saturating_add(amount);
            if budget.cut && !judged.holds(index) {
                meter.settle(now, pending);
                if meter.sum(now) > budget.limit {
                    cut = cut | Raised::of(index);
                }
            }
        }
        cut
    }

    /// Puts what was counted on the budgets that others share. To be called before it waits for
    /// anything; a look, and the end, do it, too.
    pub fn settle(&mut self) {
        let now = self.now;
        for bound in &mut self.bound {
            if let BoundRule::Budget {
                counter, pending, ..
            } = &mut bound.rule
                && let Tally::Meter(meter) = &counter.tally
            {
                meter.settle(now, pending);
            }
        }
    }

    /// Whether [`count`](Self::count) might cut what it counts: then it matters how much is counted at
    /// once.
    #[must_use]
    pub fn may_cut(&self, print: Option<&Footprint>, judged: Raised) -> bool {
        self.bound.iter().enumerate().any(|(index, bound)| {
            matches!(
                &bound.rule,
                BoundRule::Budget { budget, .. }
                    if budget.cut
                        && matches!(budget.what, What::Rows | What::Bytes)
                        && !judged.holds(index)
                        && concerns(budget, print)
            )
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Whether a budget is about what has this footprint; `None` is of no statement.
fn concerns(budget: &Budget, print: Option<&Footprint>) -> bool {
    match (print, &budget.actions) {
        (Some(print), actions) => print.does(actions.as_deref()),
        (None, actions) => actions.is_none(),
    }
}
