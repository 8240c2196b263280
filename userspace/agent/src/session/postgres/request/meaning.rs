//! What names in a text stand for, and what a statement will make them stand for.

use std::sync::{Arc, OnceLock, atomic::AtomicU64};

use bytes::Bytes;
use weir_command::{Control as Effect, Opaque, OpaqueReason, Statement};
use weir_policy::RowCounts;
use weir_record::RecordedPermit;

use super::Stop;
use crate::{
    mask::exposure::Exposure,
    session::postgres::{
        governed::{Governed, SessionError},
        hidden::Runs,
        names::{Change, Unsettled},
        pipeline::Space,
        portal::{Behind, Portal},
        prepared::{Defined, Prepared},
        shape::needs_no_catalogue,
    },
};

impl Governed {
    /// Whether the catalogue has what a text reads and writes. A table or view that is newer would
    /// count as one that holds nothing sensitive; once `asked`, it doesn't exist for others yet.
    pub(super) fn known(&self, prepared: &Prepared, asked: bool) -> Result<(), Stop> {
        if asked || prepared.traits(&self.lineage).known {
            Ok(())
        } else {
            Err(Stop::Stale)
        }
    }

    /// What the names in a text stand for.
    pub(in crate::session::postgres) fn behind(
        &self,
        prepared: &Prepared,
    ) -> Result<Behind, Unsettled> {
        let mut behind = Behind::default();
        let several = prepared.statements().len() > 1;
        let opaque = |statement: &Statement| matches!(statement, Statement::Opaque(_));
        let several = several || prepared.statements().iter().any(opaque);
        let changes = self.shape.has_changed() && !needs_no_catalogue(prepared);
        if changes || several && prepared.may_reshape(&self.lineage) {
            behind.any = true;
            behind
                .exposure
                .join(Exposure::reshaped(&self.lineage, &self.judge.clear()));
        }
        for control in prepared.controls() {
            match control {
                Effect::Execute { name } => {
                    behind.any = true;
                    let named = self.statements.get(name.as_bytes(), self.segment)?;
                    let known = named.filter(|n| n.prepared.controls().all(|c| *c == Effect::None));
                    if let Some(defined) = &known
                        && self.may_be_replaced(name.as_bytes(), defined)
                    {
                        self.doubt(&mut behind);
                    }
                    let known = known.map(|defined| defined.prepared);
                    behind
                        .statements
                        .push(known.unwrap_or_else(|| Arc::new(unknown(name))));
                }
                Effect::Fetch { name } => {
                    behind.any = true;
                    let portal = self.portals.get(name.as_bytes(), self.segment)?;
                    if portal.as_deref().is_some_and(Portal::runs_by_name) {
                        behind.statements.push(Arc::new(unknown(name)));
                    }
                    behind
                        .exposure
                        .join(self.cursor_exposure(portal.as_deref()));
                }
                _ => {}
            }
        }
        Ok(behind)
    }

    /// What the rows of a cursor may show, where `known` was declared under its name. Code that
    /// weir does not see may have opened it, or another in its place.
    pub(super) fn cursor_exposure(&self, known: Option<&Portal>) -> Exposure {
        match known {
            Some(portal) if !self.hidden.has_run() && self.is_masked_alike(portal) => {
                let mut exposure = Exposure::clone(&portal.exposure);
                exposure.reshaped |= !self.is_known_alike(portal);
                exposure
            }
            _ => Exposure::everything(&self.lineage, &self.judge.clear()),
        }
    }

    /// Whether what was clear when a cursor was declared is what is clear now.
    fn is_masked_alike(&self, portal: &Portal) -> bool {
        let permit = portal.permit.permit();
        portal.judged == self.judge.raised() && permit.version() == self.judge.version()
            || *permit.clear() == self.judge.clear()
    }

    /// Notes what a statement's success will mean for names.
    pub(super) fn note(
        &mut self,
        effect: &Effect,
        (whole, statement): (&Prepared, &Statement),
        permit: &Arc<RecordedPermit>,
        exposure: &Arc<Exposure>,
    ) -> Result<Vec<Space>, SessionError> {
        let name = |name: &str| Bytes::copy_from_slice(name.as_bytes());
        let segment = self.segment;
        Ok(match effect {
            Effect::Prepare { name: n } => {
                self.room(self.statements.len(), "prepared statements")?;
                self.held.room()?;
                let inner = whole.part(vec![without_control(statement)], &self.held);
                inner.hold(&self.held);
                let defined = Defined {
                    prepared: Arc::new(inner),
                    turn: self.turn,
                    parsed: false,
                };
                self.statements
                    .note(segment, Change::Define(name(n), defined));
                vec![Space::Statement]
            }
            Effect::Deallocate { name: Some(n) } => {
                self.statements.note(segment, Change::Remove(name(n)));
                vec![Space::Statement]
            }
            Effect::Deallocate { name: None } => {
                self.statements.note(segment, Change::Clear);
                vec![Space::Statement]
            }
            Effect::Discard => {
                self.statements.note(segment, Change::Clear);
                self.portals.note(segment, Change::Clear);
                vec![Space::Statement, Space::Portal]
            }
            Effect::Close { name: Some(n) } => {
                self.portals.note(segment, Change::Remove(name(n)));
                vec![Space::Portal]
            }
            Effect::Close { name: None } => {
                self.portals.note(segment, Change::Clear);
                vec![Space::Portal]
            }
            Effect::Declare { name: n } => {
                self.room(self.portals.len(), "cursors")?;
                self.held.room()?;
                let portal = Portal {
                    permit: Arc::clone(permit),
                    exposure: Arc::clone(exposure),
                    formats: None,
                    plan: OnceLock::new(),
                    prepared: Arc::new(Prepared::of(Bytes::new(), Vec::new())),
                    bound: self.turn,
                    at: self.now,
                    begun: OnceLock::new(),
                    judged: self.judge.raised(),
                    rows: RowCounts::default(),
                    lineage: Arc::clone(&self.lineage),
                    segment,
                    runs: Runs::default(),
                    sure: AtomicU64::new(self.turn),
                    lease: self.held.lease(0),
                    by: self.judge.changes(),
                };
                self.portals
                    .note(segment, Change::Define(name(n), Arc::new(portal)));
                vec![Space::Portal]
            }
            Effect::None
            | Effect::Execute { .. }
            | Effect::Fetch { .. }
            | Effect::Set { .. }
            | Effect::Copy(_) => Vec::new(),
        })
    }
}

fn unknown(name: &str) -> Prepared {
    let opaque = Opaque {
        reason: OpaqueReason::Unsupported,
        detail: "it executes a prepared statement that weir has not read".to_owned(),
    };
    Prepared::of(
        Bytes::copy_from_slice(name.as_bytes()),
        vec![Statement::Opaque(opaque)],
    )
}

fn without_control(statement: &Statement) -> Statement {
    match statement.clone() {
        Statement::Command(mut command) => {
            command.control = Effect::None;
            Statement::Command(command)
        }
        opaque @ Statement::Opaque(_) => opaque,
    }
}
