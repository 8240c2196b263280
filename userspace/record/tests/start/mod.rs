//! The start of a session whose particulars don't matter.

use jiff::Timestamp;
use weir_record::{Process, SessionId, SessionStart};

/// The start of the session of this number.
pub(crate) fn of(number: u32) -> SessionStart {
    let started = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_795_000_000);
    SessionStart {
        id: SessionId::new(started, number),
        started,
        workload: "ci".to_owned(),
        subject: "unix:alice".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
        process: Process::default(),
        destination: "192.0.2.7:5432".to_owned(),
        destination_name: None,
        target: None,
        protocol: None,
        policy_version: "0123456789abcdef".to_owned(),
        observed: false,
    }
}
