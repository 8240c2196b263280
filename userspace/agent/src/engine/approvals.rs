//! What waits for people, as the configuration has it.

use std::{path::Path, sync::Arc};

use crate::{
    approve::{Approvals, JournalError, Limits},
    audit::Audit,
    config::{self, Config},
};

/// Opens the table, with its journal in this directory.
pub(super) fn open(
    config: &Config,
    journals: &Path,
    audit: Arc<Audit>,
) -> Result<Approvals, JournalError> {
    let limits = Limits {
        timeout: config.approvals.timeout,
        most: config.approvals.most,
        most_of_subject: config.approvals.most_of_subject,
    };
    let socket = &config.engine.socket;
    let is_usual = *socket == config::Engine::default().socket;
    let journal = journals.join("approvals.jsonl");
    Approvals::open(&journal, limits, Some(audit)).map(|approvals| {
        if is_usual {
            approvals
        } else {
            approvals.answered_at(socket)
        }
    })
}
