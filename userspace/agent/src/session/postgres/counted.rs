//! What a session asks for and gets, counted for signals, and what follows where one is raised
//! between the judgement of a message and its answer; and where policy or the subject has changed
//! since.
//!
//! A message is judged under the signals of its moment. A portal may be executed much later, and
//! messages sent ahead are answered one after the other: each is judged again where it begins, if a
//! signal was raised since. Where the answer is another than it was, a portal is refused, and what is
//! already at the target ends the session, since nobody can take it back.

use std::{iter, sync::Arc};

use weir_policy::{Amount, Footprint, Raised, Refusal, RowCounts};
use weir_record::RecordedPermit;

use crate::approve::{self, Unheld};

use super::{
    governed::{Governed, SessionError},
    names::Unsettled,
    pipeline::{Expected, Owed},
    portal::{Behind, Portal},
    prepared::Prepared,
    reading::Judgement,
};

/// The rule for what was judged before a signal was raised, and can't go on as it was.
const SIGNAL_RAISED: &str = "signal-raised";
/// The same for what was judged by other policies, or for another subject.
const POLICY_CHANGED: &str = "policy-changed";

impl Governed {
    /// Judges a message under the signals that are raised now.
    pub(super) fn judged(
        &mut self,
        prepared: &Prepared,
        behind: &mut Behind,
        rows: RowCounts,
    ) -> Result<Judgement, Unsettled> {
        if !self.judge.is_watched() {
            return Ok(self.judgement(prepared, behind, rows));
        }
        let before = self.judge.raised();
        let now = {
            let prints = iter::once(prepared.footprint()).chain(behind.footprints());
            self.judge.look_for(&prints)
        };
        if now != before {
            // What is behind it may be masked otherwise now.
            let another = behind.another;
            *behind = self.behind(prepared)?;
            if another {
                self.doubt(behind);
            }
        }
        Ok(self.judgement(prepared, behind, rows))
    }

    /// Counts a message that is carried out.
    pub(super) fn carried_out(&mut self, prepared: &Prepared, behind: &Behind) {
        if self.judge.is_watched() {
            let prints = iter::once(prepared.footprint()).chain(behind.footprints());
            self.judge.count_allowed(&prints);
        }
    }

    /// Whether a portal may be executed by the policies that are in force now, under the signals
    /// that are raised now.
    pub(super) fn may_still(&mut self, portal: &Portal) -> Result<Result<(), Refusal>, Unsettled> {
        let (rule, since) = if portal.by != self.judge.changes() {
            (POLICY_CHANGED, "policy, or who is asking, has changed")
        } else if self.raised_since(portal) {
            (SIGNAL_RAISED, "a signal was raised")
        } else {
            return Ok(Ok(()));
        };
        if portal.formats.is_none() {
            let message = format!(
                "{since} since this cursor was declared: FETCH from it by a statement, which is judged"
            );
            return Ok(Err(self.refusal(rule, message)));
        }
        self.stands((rule, since), &portal.prepared, &portal.permit, portal.rows)
    }

    /// Whether a signal was raised since a portal was bound. Where its Bind was the last message that
    /// was judged, and came with this one, nothing was.
    fn raised_since(&mut self, portal: &Portal) -> bool {
        self.judge.is_watched()
            && ((portal.bound, portal.at) != (self.turn, self.now)
                || portal.judged != self.judge.raised())
            && self.judge.look_again(portal.judged) != portal.judged
    }

    /// Judges again what the target is answering, where a signal was raised since it was sent. To be
    /// called before its first answer is shown.
    pub(super) fn begins(&mut self) -> Result<(), SessionError> {
        if !self.judge.is_watched() {
            return Ok(());
        }
        let Some(owed) = self.pipeline.head() else {
            return Ok(());
        };
        if std::mem::replace(&mut owed.account.begun, true) {
            return Ok(());
        }
        let (prepared, permit, judged, rows) = match &owed.expected {
            Expected::Query {
                prepared,
                permit,
                judged,
                rows,
                ..
            } => (prepared, permit, *judged, *rows),
            Expected::Execute { portal, .. } => {
                (&portal.prepared, &portal.permit, portal.judged, portal.rows)
            }
            _ => return Ok(()),
        };
        let (prepared, permit) = (Arc::clone(prepared), Arc::clone(permit));
        if self.judge.look_again(judged) == judged {
            return Ok(());
        }
        let why = (SIGNAL_RAISED, "a signal was raised");
        let stands = self
            .stands(why, &prepared, &permit, rows)
            .unwrap_or_else(|_| {
                let message = "a signal was raised, and what this runs by name may have changed";
                Err(self.refusal(SIGNAL_RAISED, message.to_owned()))
            });
        stands.map_err(SessionError::Signal)
    }

    /// Whether what was allowed before a change would be allowed now, and show no less.
    fn stands(
        &mut self,
        (rule, since): (&str, &str),
        prepared: &Prepared,
        permit: &RecordedPermit,
        rows: RowCounts,
    ) -> Result<Result<(), Refusal>, Unsettled> {
        // A cursor's own statement was judged when it was declared, and each fetch since.
        if prepared.statements().is_empty() {
            return Ok(Ok(()));
        }
        let behind = self.behind(prepared)?;
        Ok(match self.judgement(prepared, &behind, rows) {
            Judgement::Refused(refusal) => Err(refusal),
            Judgement::Allowed(fresh, _) if fresh.clear() == permit.permit().clear() => Ok(()),
            // What people have approved stands as long as the same policies ask.
            Judgement::Asks(ask, _)
                if !permit.permit().approved_by().is_empty()
                    && ask.deciding() == permit.permit().deciding()
                    && ask.clear() == permit.permit().clear() =>
            {
                Ok(())
            }
            Judgement::Asks(ask, _) => Err(approve::unheld(&ask, Unheld::Midway)),
            Judgement::Allowed(..) => {
                let message = format!(
                    "{since}, and values are masked that this would show clear: send it anew"
                );
                Err(self.refusal(rule, message))
            }
        })
    }

    /// Counts rows that the target says it changed, and that were not shown.
    pub(super) fn changed(&mut self, words: &str, rows: Option<u64>) -> Result<(), SessionError> {
        let shown = std::mem::take(&mut self.statement_rows);
        // MOVE says how many it passed over.
        if !self.judge.is_watched() || words.starts_with("MOVE") {
            return Ok(());
        }
        let changed = rows.unwrap_or(0).saturating_sub(shown);
        let counted = self.pipeline.head().map(|owed| counted_as(&owed.expected));
        let (print, judged) = counted.unwrap_or_default();
        self.judge
            .count(Amount::Rows(changed), print, judged)
            .map_err(SessionError::Signal)
    }

    /// Counts bytes that the agent is shown. What is of no command's result is never cut.
    pub(super) fn shows(&mut self, bytes: usize) -> Result<(), SessionError> {
        if !self.judge.is_watched() {
            return Ok(());
        }
        let bytes = Amount::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
        let owed = self.pipeline.head();
        let result = owed.as_ref().is_some_and(|owed| is_result(owed));
        let counted = owed.map(|owed| counted_as(&owed.expected));
        let (print, judged) = counted.unwrap_or_default();
        match self.judge.count(bytes, print, judged) {
            Err(refusal) if result => Err(SessionError::Signal(refusal)),
            _ => Ok(()),
        }
    }
}

fn is_result(owed: &Owed) -> bool {
    matches!(
        owed.expected,
        Expected::Query { .. } | Expected::Execute { .. }
    )
}

/// What signals count an answer as, and the signals that its command was judged under.
pub(super) fn counted_as(expected: &Expected) -> (Option<&Footprint>, Raised) {
    match expected {
        Expected::Query {
            prepared, judged, ..
        } => (Some(prepared.footprint()), *judged),
        Expected::Execute { portal, .. } => (Some(portal.prepared.footprint()), portal.judged),
        _ => (None, Raised::default()),
    }
}
