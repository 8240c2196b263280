//! What carries values: described, masked, counted.

use weir_command::Verb;
use weir_policy::Amount;
use weir_wire::postgres::{
    Frame,
    backend::{DataRow, FunctionCallResponse, RowDescription, tag},
};

use super::{Told, decode, unexpected};
use crate::{
    mask::plan::{Plan, StaleCatalogue, Unknown},
    session::postgres::{
        counted::counted_as,
        governed::{Governed, SessionError},
        pipeline::{Expected, Owed},
    },
};

impl Governed {
    pub(super) fn row(&mut self, frame: Frame) -> Result<(), SessionError> {
        let Some(Owed {
            expected,
            seq,
            account,
        }) = self.pipeline.head()
        else {
            return Err(unexpected("DataRow"));
        };
        let plan = match expected {
            Expected::Query { plan, .. } => plan.as_ref(),
            Expected::Execute { portal, .. } => portal.plan.get(),
            _ => None,
        };
        let Some(plan) = plan else {
            return Err(unexpected("DataRow"));
        };
        let row = decode(DataRow::decode(frame))?;
        let out = self.shown.answering(*seq, &mut self.record)?;
        let before = out.len();
        if plan.masks() {
            account.masks(plan);
            account.masked += plan.apply(&row, &self.key, &mut self.scratch, out)?;
        } else {
            plan.check(&row)?;
            out.extend_from_slice(row.frame().raw());
        }
        let bytes = u64::try_from(out.len() - before).unwrap_or(u64::MAX);
        if self.judge.is_watched() {
            let (print, judged) = counted_as(expected);
            for amount in [Amount::Rows(1), Amount::Bytes(bytes)] {
                if let Err(cut) = self.judge.count(amount, print, judged) {
                    out.truncate(before);
                    return Err(SessionError::Signal(cut));
                }
            }
            self.statement_rows += 1;
        }
        account.rows += 1;
        account.bytes += bytes;
        Ok(())
    }

    pub(super) fn described(
        &mut self,
        frame: Frame,
        unknown: Unknown,
    ) -> Result<Told, SessionError> {
        let description = decode(RowDescription::decode(frame.clone()))?;
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("RowDescription"));
        };
        let seq = owed.seq;
        match &mut owed.expected {
            Expected::Query {
                plan,
                exposure,
                permit,
                ..
            } => {
                let clear = permit.permit().clear();
                match Plan::new(&description, None, &self.lineage, exposure, clear, unknown) {
                    Ok(fresh) => *plan = Some(fresh),
                    Err(StaleCatalogue) => return Ok(Told::Stale(frame)),
                }
            }
            Expected::Probe { portal } => {
                let clear = portal.permit.permit().clear();
                let (formats, exposure) = (portal.formats.as_ref(), &portal.exposure);
                match Plan::new(
                    &description,
                    formats,
                    &self.lineage,
                    exposure,
                    clear,
                    unknown,
                ) {
                    // A portal's description never changes; the first stands.
                    Ok(plan) => drop(portal.plan.set(plan)),
                    Err(StaleCatalogue) => return Ok(Told::Stale(frame)),
                }
                self.pipeline.pop();
                return Ok(Told::Done);
            }
            Expected::DescribeStatement | Expected::DescribePortal => {
                self.pipeline.pop();
            }
            _ => return Err(unexpected("RowDescription")),
        }
        self.show(seq, frame.raw())?;
        Ok(Told::Done)
    }

    pub(super) fn no_data(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(Owed { expected, seq, .. }) = self.pipeline.pop() else {
            return Err(unexpected("NoData"));
        };
        match expected {
            // No column may follow: a row would not fit the plan.
            Expected::Probe { portal } => {
                drop(portal.plan.set(Plan::default()));
                Ok(())
            }
            Expected::DescribeStatement | Expected::DescribePortal => self.show(seq, frame.raw()),
            _ => Err(unexpected("NoData")),
        }
    }

    /// Rows of a copy have no description, so a statement that could show a masked value this way
    /// was refused before it was sent, and no other may be answered so.
    pub(super) fn copied_out(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("copied rows"));
        };
        let seq = owed.seq;
        let (prepared, exposure) = match &owed.expected {
            Expected::Query {
                prepared, exposure, ..
            } => (prepared, exposure),
            Expected::Execute { portal, .. } => (&portal.prepared, &portal.exposure),
            _ => return Err(unexpected("copied rows")),
        };
        let begins = frame.tag() == tag::COPY_OUT_RESPONSE;
        if !prepared.may(Verb::CopyOut) || exposure.computes.is_some() || begins == self.copies_out
        {
            return Err(unexpected("copied rows"));
        }
        self.copies_out = frame.tag() != tag::COPY_DONE;
        if frame.tag() == tag::COPY_DATA {
            if self.judge.is_watched() {
                let (print, judged) = counted_as(&owed.expected);
                self.judge
                    .count(Amount::Rows(1), print, judged)
                    .map_err(SessionError::Signal)?;
                self.statement_rows += 1;
            }
            owed.account.rows += 1;
        }
        self.show(seq, frame.raw())
    }

    pub(super) fn called(&mut self, frame: Frame) -> Result<(), SessionError> {
        let response = decode(FunctionCallResponse::decode(frame))?;
        let Some(Owed {
            expected: Expected::Call { exposure },
            seq,
            account,
        }) = self.pipeline.head()
        else {
            return Err(unexpected("FunctionCallResponse"));
        };
        let seq = *seq;
        let shown = if exposure.computes.is_some() && response.value().is_some() {
            account.masked += 1;
            decode(FunctionCallResponse::new(None))?
        } else {
            response
        };
        self.show(seq, shown.frame().raw())
    }
}
