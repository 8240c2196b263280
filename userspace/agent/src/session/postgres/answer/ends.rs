//! What ends something that is owed.

use weir_record::Status;
use weir_wire::postgres::{
    Frame,
    backend::{TransactionStatus, tag},
};

use super::unexpected;
use crate::{
    mask::exposure::Exposure,
    session::postgres::{
        governed::{Governed, SessionError},
        pipeline::{Expected, Owed},
    },
};

impl Governed {
    pub(super) fn did(&mut self, frame: &Frame) -> Result<(), SessionError> {
        if let Some(Owed {
            expected: Expected::Anew { closed, .. },
            ..
        }) = self.pipeline.head()
        {
            match (frame.tag(), &*closed) {
                (tag::CLOSE_COMPLETE, false) => *closed = true,
                (tag::PARSE_COMPLETE, true) => {
                    self.pipeline.pop();
                    self.statements.confirm();
                }
                _ => return Err(unexpected("a completion")),
            }
            return Ok(());
        }
        let Some(owed) = self.pipeline.pop() else {
            return Err(unexpected("a completion"));
        };
        match (frame.tag(), &owed.expected) {
            (tag::PARSE_COMPLETE, Expected::Parse { .. }) => {
                self.statements.confirm();
                let status = Status::Completed {
                    tag: "PARSE".to_owned(),
                };
                self.settle_account(owed.seq, &owed.account, status)?;
            }
            (tag::BIND_COMPLETE, Expected::Bind { .. }) => self.portals.confirm(),
            (tag::CLOSE_COMPLETE, Expected::Close(space)) => self.confirm(*space),
            _ => return Err(unexpected("a completion")),
        }
        self.show(owed.seq, frame.raw())
    }

    pub(super) fn completed(
        &mut self,
        frame: &Frame,
        words: String,
        rows: Option<u64>,
    ) -> Result<(), SessionError> {
        self.changed(&words, rows)?;
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("CommandComplete"));
        };
        let seq = owed.seq;
        // What was only changed is counted by the target, what was shown was counted by us.
        let changed = if owed.account.rows == 0 {
            rows.unwrap_or(0)
        } else {
            0
        };
        owed.account.rows += changed;
        owed.account.completes();
        let changes = match &mut owed.expected {
            Expected::Query {
                changes,
                plan,
                exposure,
                prepared,
                ..
            } => {
                *plan = None;
                owed.account.last_tag = Some(words);
                self.uncommitted.join(Exposure::clone(exposure));
                self.shape.ends_one(prepared);
                changes.pop_front().unwrap_or_default()
            }
            Expected::Execute { changes, portal } => {
                self.uncommitted.join(Exposure::clone(&portal.exposure));
                self.shape.ends_one(&portal.prepared);
                let changes = std::mem::take(changes);
                self.show(seq, frame.raw())?;
                if let Some(owed) = self.pipeline.pop() {
                    let status = Status::Completed { tag: words };
                    self.settle_account(seq, &owed.account, status)?;
                }
                changes.into_iter().for_each(|space| self.confirm(space));
                return Ok(());
            }
            _ => return Err(unexpected("CommandComplete")),
        };
        changes.into_iter().for_each(|space| self.confirm(space));
        self.show(seq, frame.raw())
    }

    pub(super) fn suspended(&mut self, frame: &Frame) -> Result<(), SessionError> {
        self.statement_rows = 0;
        match self.pipeline.head() {
            Some(Owed {
                expected: Expected::Execute { portal, .. },
                seq,
                ..
            }) => {
                let seq = *seq;
                self.uncommitted.join(Exposure::clone(&portal.exposure));
                self.show(seq, frame.raw())?;
            }
            _ => return Err(unexpected("PortalSuspended")),
        }
        if let Some(owed) = self.pipeline.pop() {
            let status = Status::Completed {
                tag: "SUSPENDED".to_owned(),
            };
            self.settle_account(owed.seq, &owed.account, status)?;
            self.forget(&owed);
        }
        Ok(())
    }

    pub(super) fn ready(
        &mut self,
        frame: &Frame,
        status: TransactionStatus,
    ) -> Result<(), SessionError> {
        let (passed_over, Some(last)) = self.pipeline.ready() else {
            return Err(unexpected("ReadyForQuery"));
        };
        passed_over.iter().for_each(|owed| self.forget(owed));
        self.settle_unanswered(&passed_over, &Status::Skipped, &Status::Skipped)?;
        self.forget(&last);
        self.copy_in = None;
        self.copies_out = false;
        self.transaction = status;
        self.rests();
        self.tell_of_changes();
        if status == TransactionStatus::Idle {
            self.uncommitted = Exposure::default();
            // Only a cursor WITH HOLD outlives its transaction.
            self.portals.retain(|portal| portal.formats.is_none());
        }
        self.show(last.seq, frame.raw())?;
        if matches!(
            last.expected,
            Expected::Query { .. } | Expected::Call { .. }
        ) {
            let tag = last.account.last_tag.clone().unwrap_or_default();
            self.settle_account(last.seq, &last.account, Status::Completed { tag })?;
        }
        Ok(())
    }
}
