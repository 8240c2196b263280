//! What waits for people, as the configuration has it.

use std::sync::Arc;

use crate::{
    approve::{Approvals, JournalError, Limits},
    audit::Audit,
    config::Config,
};

/// Opens the table in the state directory.
pub(super) fn open(config: &Config, audit: Arc<Audit>) -> Result<Approvals, JournalError> {
    let limits = Limits {
        timeout: config.approvals.timeout,
        most: config.approvals.most,
        most_of_subject: config.approvals.most_of_subject,
    };
    let journal = config.engine.state.join("approvals.jsonl");
    Approvals::open(&journal, limits, Some(audit))
}
