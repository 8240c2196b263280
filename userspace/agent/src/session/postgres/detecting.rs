//! What detectors are asked to find in a session, as policy and the subject's rights have it now.

use std::sync::Arc;

use weir_command::{Control, CopyForm, Statement};
use weir_policy::{Clear, Detection, Detectors, Hit, Net};
use weir_record::Seq;
use weir_wire::postgres::{CopyData, backend::Diagnostic};

use super::{
    governed::{Governed, SessionError},
    pipeline::Expected,
};
use crate::{
    mask::{
        copied::Copied,
        sift::{Form, Sifter},
    },
    session::judge::Judge,
};

/// What of a diagnostic tells no value: severity, code, positions, places in the server's source.
const TELLS_NO_VALUE: &[u8] = b"SVCPpFLR";

/// What a session looks for.
#[derive(Debug, Default)]
pub(super) struct Detecting {
    /// What the target asks for; none where it asks for nothing.
    asked: Option<Detectors>,
    detection: Option<Arc<Detection>>,
    /// The copy that is under way, where its rows are looked through.
    pub(super) copied: Option<Copied>,
}

impl Detecting {
    /// What a target that asks for this looks for.
    pub(super) fn new(asked: Option<Detectors>, judge: &Judge) -> Self {
        let mut detecting = Self {
            asked,
            ..Self::default()
        };
        detecting.renew(judge);
        detecting
    }

    /// What the target asks for.
    pub(super) fn asked(&self) -> Option<Detectors> {
        self.asked
    }

    /// Takes what the policies in force say.
    pub(super) fn renew(&mut self, judge: &Judge) {
        self.detection = self.asked.map(|asked| {
            let (rules, target) = (judge.policies().masking(), judge.target());
            Arc::new(rules.detection(asked, &target.name, &target.database))
        });
    }

    /// What is looked for where this much may be shown; none where nothing is.
    pub(super) fn net(&self, clear: &Clear) -> Option<Net> {
        Net::new(self.detection.as_ref()?, clear)
    }
}

impl Governed {
    /// What is looked for in what answers the message that is owed next.
    pub(super) fn net(&mut self) -> Option<Net> {
        self.detecting.detection.as_ref()?;
        let permit = match self.pipeline.head().map(|owed| &owed.expected) {
            Some(Expected::Query { permit, .. }) => Some(Arc::clone(permit)),
            Some(
                Expected::Bind { portal }
                | Expected::Probe { portal, .. }
                | Expected::Execute { portal, .. },
            ) => Some(Arc::clone(&portal.permit)),
            _ => None,
        };
        match permit {
            Some(permit) => self.detecting.net(permit.permit().clear()),
            None => self.detecting.net(&self.judge.clear()),
        }
    }

    /// What `value` becomes, if anything is found in it that answers no row's description.
    pub(super) fn sifted(&mut self, value: &[u8], form: Form) -> Option<Vec<u8>> {
        let net = self.net()?;
        // What answers nothing is on nobody's account.
        let mut account = self.pipeline.head().map(|owed| &mut owed.account);
        let mut out = Vec::new();
        let mut told = |hit: &Hit<'_>| {
            if let Some(account) = &mut account {
                account.found(None, hit);
            }
        };
        let found = Sifter::new(&net, &self.key, &mut told).shown(value, form, &mut out);
        if let Some(account) = account {
            account.masked += u64::from(found);
        }
        found.then_some(out)
    }

    /// The fields of an error or a notice without what is found in them; `None` where nothing is.
    pub(super) fn sifted_fields(&mut self, diagnostic: &Diagnostic) -> Option<Vec<(u8, Vec<u8>)>> {
        self.detecting.detection.as_ref()?;
        let mut changed = false;
        let mut fields = Vec::new();
        for (code, text) in diagnostic.fields() {
            let sifted = if TELLS_NO_VALUE.contains(code) {
                None
            } else {
                self.sifted(text, Form::Text { limit: None })
            };
            changed |= sifted.is_some();
            fields.push((*code, sifted.unwrap_or_else(|| text.to_vec())));
        }
        changed.then_some(fields)
    }

    /// Begins a copy towards the agent, looking for `net` in its rows.
    pub(super) fn copy_begins(&mut self) {
        self.detecting.copied = self.net().map(|net| Copied::new(net, self.copy_form()));
    }

    /// Shows `rows`, a run of whole messages, without what is found in them.
    pub(super) fn show_copied(
        &mut self,
        seq: Option<Seq>,
        rows: &[u8],
    ) -> Result<(), SessionError> {
        let (Some(copied), Some(owed)) = (&mut self.detecting.copied, self.pipeline.head()) else {
            return self.show(seq, rows);
        };
        let account = &mut owed.account;
        let mut shown = Vec::new();
        // What stands between two changed rows is copied as it is.
        let (mut clear, mut rest) = (rows, rows);
        while let Some((&[_, a, b, c, d], behind)) = rest.split_first_chunk() {
            let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or_default();
            let (row, behind) = behind.split_at(length.saturating_sub(4).min(behind.len()));
            let mut told = |column, hit: &Hit<'_>| account.found(Some(column), hit);
            let changed = copied.sift(row, &self.key, &mut self.scratch, &mut told)?;
            if changed > 0 {
                account.masked += changed;
                let (as_it_is, _) = clear.split_at(clear.len() - rest.len());
                shown.extend_from_slice(as_it_is);
                shown.extend_from_slice(CopyData::new(&self.scratch)?.frame().raw());
                clear = behind;
            }
            rest = behind;
        }
        if shown.is_empty() {
            return self.show(seq, rows);
        }
        shown.extend_from_slice(clear);
        self.show(seq, &shown)
    }

    /// The form of the copy that the statement under way asks for, where that can be told.
    fn copy_form(&mut self) -> Option<CopyForm> {
        let owed = self.pipeline.head()?;
        let completed = usize::try_from(owed.account.completed()).ok()?;
        let statement = match &owed.expected {
            Expected::Query { prepared, .. } => prepared.statements().get(completed)?,
            Expected::Execute { portal, .. } => portal.prepared.statements().first()?,
            _ => return None,
        };
        match statement {
            Statement::Command(command) => match command.control {
                Control::Copy(form) => Some(form),
                _ => None,
            },
            Statement::Opaque(_) => None,
        }
    }
}
