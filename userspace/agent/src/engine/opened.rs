//! What the record of a connection or a flow begins with.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use rustls::crypto::ring;
use weir_intercept::attribute::Origin;
use weir_policy::{Mode, Subject};
use weir_record::{SessionId, SessionStart};

use super::{process, status::LiveSession};
use crate::config::{HostName, Target, Workload};

/// Who opened what.
pub(super) struct Opened<'a> {
    pub(super) origin: &'a Origin,
    pub(super) workload: &'a Workload,
    /// None where it can't be told.
    pub(super) subject: Option<Subject>,
    pub(super) destination: SocketAddr,
    pub(super) destination_name: Option<&'a HostName>,
    /// None where nothing declared was admitted.
    pub(super) target: Option<&'a Arc<Target>>,
    pub(super) policy_version: String,
}

/// As the record has it; it gets its id here.
pub(super) fn describe(opened: Opened<'_>) -> SessionStart {
    let Opened {
        origin,
        workload,
        subject,
        destination,
        destination_name,
        target,
        policy_version,
    } = opened;
    let now = Timestamp::now();
    let subject = subject.unwrap_or_else(|| Subject {
        id: "unverified".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    });
    SessionStart {
        id: SessionId::new(now, random()),
        started: now,
        workload: workload.name.to_string(),
        subject: subject.id,
        groups: subject.groups,
        on_behalf_of: subject.on_behalf_of,
        process: process::of(origin),
        destination: destination.to_string(),
        destination_name: destination_name.map(ToString::to_string),
        target: target.map(|target| target.name.to_string()),
        protocol: target.map(|target| target.protocol().to_string()),
        policy_version,
        observed: workload.mode == Mode::Observe,
    }
}

/// As the list of open sessions has it.
pub(super) fn live(start: &SessionStart) -> LiveSession {
    LiveSession {
        id: start.id.to_string(),
        workload: start.workload.clone(),
        subject: start.subject.clone(),
        target: start.target.clone(),
        destination: start.destination.clone(),
        observed: start.observed,
        since: start.started,
    }
}

/// Tells sessions of one millisecond apart; not a secret. Without it two of them would want one
/// file, and the second would be refused.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => u32::from_ne_bytes(bytes),
        Err(_) => std::process::id(),
    }
}
