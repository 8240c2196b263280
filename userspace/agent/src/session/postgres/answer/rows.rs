//! What carries values: described, masked, counted.

use std::sync::Arc;

use weir_policy::{Amount, Hit};
use weir_wire::postgres::{
    Frame, Limits,
    backend::{DataRow, FunctionCallResponse, RowDescription, Rows, tag},
    run_of,
};

use super::{Told, decode, unexpected};
use crate::{
    mask::{
        exposure::Exposure,
        plan::{Plan, StaleCatalogue, Unknown},
        sift::Form,
    },
    session::postgres::{
        counted::counted_as,
        governed::{Governed, SessionError},
        pipeline::{Expected, Owed},
    },
};

/// How many bytes of masked rows are made before others have their turn.
const MOST_AT_ONCE: usize = 256 << 10;

/// Why a copy is not shown.
const CHANGED: &str = "the target began a copy by another shape of its database than the copy was \
                       judged by, and it might show what is masked: copy again";

fn plan_of(expected: &Expected) -> Option<&Plan> {
    match expected {
        Expected::Query { plan, .. } => plan.as_ref(),
        Expected::Execute { portal, .. } => portal.plan.get().map(AsRef::as_ref),
        _ => None,
    }
}

fn may_copy(expected: &Expected) -> bool {
    let (prepared, exposure) = match expected {
        Expected::Query {
            prepared, exposure, ..
        } => (prepared, exposure),
        Expected::Execute { portal, .. } => (&portal.prepared, &portal.exposure),
        _ => return false,
    };
    (prepared.copies_out() || prepared.replicates()) && exposure.computes.is_none()
}

fn replicates(expected: &Expected) -> bool {
    matches!(expected, Expected::Query { prepared, .. } if prepared.replicates())
}

/// Both, where the second adds anything.
fn with(exposure: &Arc<Exposure>, meanwhile: Exposure) -> Arc<Exposure> {
    if meanwhile == Exposure::default() {
        return Arc::clone(exposure);
    }
    let mut both = Exposure::clone(exposure);
    both.join(meanwhile);
    Arc::new(both)
}

impl Governed {
    /// What the answer that comes next may show beyond what was judged, by what was changed meanwhile.
    pub(super) fn meanwhile_of_next(&mut self) -> Exposure {
        let (prepared, judged_by) = match self.pipeline.head().map(|owed| &owed.expected) {
            Some(Expected::Query {
                prepared, lineage, ..
            }) => (Arc::clone(prepared), Arc::clone(lineage)),
            Some(
                Expected::Probe { portal, .. }
                | Expected::Bind { portal }
                | Expected::Execute { portal, .. },
            ) => (Arc::clone(&portal.prepared), Arc::clone(&portal.lineage)),
            _ => return Exposure::default(),
        };
        self.meanwhile(&prepared, &judged_by)
    }

    /// Takes the rows that stand at the front of what the target sent, all at once, and says how many
    /// bytes they have. Nothing is taken where the next message has to be looked at by itself.
    pub(in crate::session::postgres) fn rows(
        &mut self,
        received: &[u8],
        limits: &Limits,
    ) -> Result<usize, SessionError> {
        let kind = received.first().copied();
        if !matches!(kind, Some(tag::DATA_ROW | tag::COPY_DATA)) {
            return Ok(0);
        }
        if kind == Some(tag::DATA_ROW) {
            self.begins()?;
        }
        let counted = self.pipeline.head().map(|owed| counted_as(&owed.expected));
        match counted {
            Some((print, judged)) if !self.judge.may_cut(print, judged) => {}
            _ => return Ok(0),
        }
        if kind == Some(tag::DATA_ROW) {
            self.take_rows(received, limits.message)
        } else {
            self.take_copied(received, limits.message)
        }
    }

    pub(super) fn row(&mut self, frame: Frame) -> Result<(), SessionError> {
        if self.take_rows(frame.raw(), frame.raw().len())? > 0 {
            return Ok(());
        }
        let Some(plan) = self
            .pipeline
            .head()
            .and_then(|owed| plan_of(&owed.expected))
        else {
            return Err(unexpected("DataRow"));
        };
        let row = decode(DataRow::decode(frame))?;
        plan.check(row.row())?;
        Err(unexpected("DataRow"))
    }

    /// Shows the well-formed rows at the front of `bytes`, if any are owed, and counts them as one.
    fn take_rows(&mut self, bytes: &[u8], limit: usize) -> Result<usize, SessionError> {
        let Some(owed) = self.pipeline.head() else {
            return Ok(0);
        };
        let Some(plan) = plan_of(&owed.expected) else {
            return Ok(0);
        };
        let account = &mut owed.account;
        let out = self.shown.answering(owed.seq, &mut self.record)?;
        let before = out.len();
        let mut rows = Rows::ahead(bytes, plan.width(), limit);
        let mut count = 0;
        if plan.looks_at_rows() {
            for row in rows.by_ref() {
                if count == 0 {
                    account.masks(plan);
                }
                let mut told = |column, hit: &Hit<'_>| account.found(Some(column), hit);
                let changed = plan.apply(row, &self.key, &mut self.scratch, out, &mut told)?;
                account.masked += changed;
                count += 1;
                // What is put in its place may be longer than what came.
                if out.len() - before >= MOST_AT_ONCE {
                    break;
                }
            }
        } else {
            count += rows.by_ref().fold(0, |count, _| count + 1);
            out.extend_from_slice(bytes.get(..rows.end()).unwrap_or_default());
        }
        let shown = u64::try_from(out.len() - before).unwrap_or(u64::MAX);
        if self.judge.is_watched() {
            let (print, judged) = counted_as(&owed.expected);
            for amount in [Amount::Rows(count), Amount::Bytes(shown)] {
                if let Err(cut) = self.judge.count(amount, print, judged) {
                    out.truncate(before);
                    return Err(SessionError::Signal(cut));
                }
            }
            self.statement_rows += count;
        }
        account.rows += count;
        account.bytes += shown;
        Ok(rows.end())
    }

    pub(super) fn described(
        &mut self,
        frame: Frame,
        unknown: Unknown,
    ) -> Result<Told, SessionError> {
        let in_flux = self.is_in_flux();
        match self.pipeline.head() {
            // Its rows are for nobody to mask yet.
            Some(Owed {
                expected: Expected::DescribeStatement | Expected::DescribePortal,
                ..
            }) => {
                self.described_to_the_agent(&frame)?;
                return Ok(Told::Done);
            }
            Some(Owed {
                expected: Expected::Probe { portal, .. },
                ..
            }) if !in_flux => {
                let known = portal
                    .prepared
                    .plans()
                    .find(portal, &self.lineage, frame.raw());
                if let Some(plan) = known {
                    portal.is_described(plan);
                    self.described_to_the_agent(&frame)?;
                    return Ok(Told::Done);
                }
            }
            _ => {}
        }
        let description = decode(RowDescription::decode(frame.clone()))?;
        if in_flux && unknown == Unknown::Refresh && self.may_be_another(&description) {
            return Ok(Told::Stale(frame));
        }
        let unknown = self.unknown(&description, unknown);
        let meanwhile = self.meanwhile_of_next();
        let Some(owed) = self.pipeline.head() else {
            return Err(unexpected("RowDescription"));
        };
        let seq = owed.seq;
        match &mut owed.expected {
            Expected::Query {
                plan,
                exposure,
                permit,
                lineage,
                ..
            } => {
                let clear = permit.permit().clear();
                let net = self.detecting.net(clear);
                let lineage = (&*self.lineage, &**lineage);
                let exposure = &with(exposure, meanwhile);
                match Plan::new(&description, None, lineage, exposure, clear, unknown, net) {
                    Ok(fresh) => *plan = Some(fresh),
                    Err(StaleCatalogue) => return Ok(Told::Stale(frame)),
                }
                self.show(seq, frame.raw())?;
            }
            Expected::Probe { portal, .. } => {
                let clear = portal.permit.permit().clear();
                let formats = portal.formats.as_ref();
                let exposure = &with(&portal.exposure, meanwhile);
                let net = self.detecting.net(clear);
                let lineage = &self.lineage;
                let plan = Plan::new(
                    &description,
                    formats,
                    (lineage, &portal.lineage),
                    exposure,
                    clear,
                    unknown,
                    net,
                );
                let Ok(plan) = plan.map(Arc::new) else {
                    return Ok(Told::Stale(frame));
                };
                // What stays unknown may be known the next time.
                if unknown == Unknown::Refresh && !in_flux {
                    let raw = frame.raw();
                    portal
                        .prepared
                        .plans()
                        .remember(portal, lineage, raw, &plan);
                }
                portal.is_described(plan);
                self.described_to_the_agent(&frame)?;
            }
            _ => return Err(unexpected("RowDescription")),
        }
        Ok(Told::Done)
    }

    /// Ends what asked for a description, and shows it, unless weir alone asked.
    fn described_to_the_agent(&mut self, frame: &Frame) -> Result<(), SessionError> {
        match self.pipeline.pop() {
            None
            | Some(Owed {
                expected: Expected::Probe { shown: false, .. },
                ..
            }) => Ok(()),
            Some(Owed { seq, .. }) => self.show(seq, frame.raw()),
        }
    }

    pub(super) fn no_data(&mut self, frame: &Frame) -> Result<(), SessionError> {
        match self.pipeline.head().map(|owed| &owed.expected) {
            // No column may follow: a row would not fit the plan.
            Some(Expected::Probe { portal, .. }) => portal.is_described(Arc::default()),
            Some(Expected::DescribeStatement | Expected::DescribePortal) => {}
            _ => return Err(unexpected("NoData")),
        }
        self.described_to_the_agent(frame)
    }

    /// Rows of a copy have no description, so a statement that could show a masked value this way
    /// was refused before it was sent, and no other may be answered so.
    pub(super) fn copied_out(&mut self, frame: &Frame) -> Result<(), SessionError> {
        if frame.tag() == tag::COPY_DATA {
            return match self.take_copied(frame.raw(), frame.raw().len())? {
                0 => Err(unexpected("copied rows")),
                _ => Ok(()),
            };
        }
        let begins = frame.tag() == tag::COPY_OUT_RESPONSE;
        match self.pipeline.head() {
            Some(owed) if begins != self.copies_out && may_copy(&owed.expected) => {
                let seq = owed.seq;
                if begins && self.meanwhile_of_next().computes.is_some() {
                    return Err(SessionError::server(CHANGED));
                }
                self.copies_out = begins;
                if begins {
                    self.copy_begins();
                }
                self.show(seq, frame.raw())
            }
            _ => Err(unexpected("copied rows")),
        }
    }

    /// Shows the rows of a copy at the front of `bytes`, if any are owed, and counts them as one.
    fn take_copied(&mut self, bytes: &[u8], limit: usize) -> Result<usize, SessionError> {
        let seq = match self.pipeline.head() {
            // A stream is counted, not kept.
            Some(owed) if self.copies_out && may_copy(&owed.expected) => {
                owed.seq.filter(|_| !replicates(&owed.expected))
            }
            _ => return Ok(0),
        };
        let (count, end) = run_of(tag::COPY_DATA, bytes, limit);
        if let Some(owed) = self.pipeline.head()
            && count > 0
        {
            if self.judge.is_watched() {
                let (print, judged) = counted_as(&owed.expected);
                self.judge
                    .count(Amount::Rows(count), print, judged)
                    .map_err(SessionError::Signal)?;
                self.statement_rows += count;
            }
            owed.account.rows += count;
            self.show_copied(seq, bytes.get(..end).unwrap_or_default())?;
        }
        Ok(end)
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
        let masked = exposure.computes.is_some() && response.value().is_some();
        let shown = if masked {
            account.masked += 1;
            decode(FunctionCallResponse::new(None))?
        } else {
            let value = response.value();
            let sifted = value.and_then(|value| self.sifted(value, Form::Untyped));
            match sifted {
                Some(sifted) => decode(FunctionCallResponse::new(Some(&sifted)))?,
                None => response,
            }
        };
        self.show(seq, shown.frame().raw())
    }
}
