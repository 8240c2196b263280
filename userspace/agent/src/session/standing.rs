//! Whether what weir passes on unread may go on: judged anew by what comes into force, and by the
//! signals that are raised as its bytes pass.
//!
//! Bytes are counted before they are passed on. What was done before them is judged: a budget that
//! is used up meets the bytes that come next, and one that cuts ends the connection before the bytes
//! that would exceed it.

use std::iter;

use weir_policy::{Amount, Footprint, Raised};

use super::{Change, Cut, judge::Judge, passing};
use crate::admit::Passage;

/// The right of one connection, or flow of datagrams, to go on.
pub(super) struct Standing<'a, Service> {
    judge: &'a mut Judge,
    passage: &'a Passage<Service>,
    print: Footprint,
    /// Raised when it was opened: it was allowed nevertheless, so these don't cut it.
    allowed_under: Raised,
    /// Raised when it was judged last.
    judged_under: Raised,
}

impl<'a, Service> Standing<'a, Service> {
    /// Of what was just allowed.
    pub(super) fn new(judge: &'a mut Judge, passage: &'a Passage<Service>) -> Self {
        let opening = super::judge::connect();
        let raised = judge.raised();
        Self {
            print: Footprint::of(iter::once(&opening)),
            allowed_under: raised,
            judged_under: raised,
            judge,
            passage,
        }
    }

    /// Judges it by what came into force.
    ///
    /// # Errors
    /// When it isn't allowed any more.
    pub(super) fn change(&mut self, change: Change) -> Result<(), Cut> {
        if matches!(change, Change::Policies(_)) {
            // It was allowed under signals of the policies before.
            self.allowed_under = Raised::default();
        }
        let ends = self.judge.ends_with(&change);
        self.judge.change(change);
        self.judged_under = self.judge.raised();
        ends.map_or_else(|| self.stands(), Err)
    }

    /// Counts bytes that are about to pass, whichever way, and judges anew where other signals are
    /// raised than before.
    ///
    /// # Errors
    /// When it isn't allowed any more, or they exceed a budget that cuts.
    pub(super) fn passes(&mut self, bytes: usize) -> Result<(), Cut> {
        if !self.judge.is_watched() {
            return Ok(());
        }
        let raised = self.judge.look();
        if raised != self.judged_under {
            self.judged_under = raised;
            self.stands()?;
        }
        let bytes = Amount::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
        let counted = self
            .judge
            .count(bytes, Some(&self.print), self.allowed_under);
        self.judge.settle();
        counted.map_err(Cut::Refused)
    }

    fn stands(&mut self) -> Result<(), Cut> {
        passing::stands(self.judge, self.passage).map_err(Cut::Refused)
    }
}
