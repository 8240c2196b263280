//! What is written here is shipped: each event has a class of OCSF's own.

use serde_json::Value;
use weir_ship::ocsf;

use super::*;
use crate::access::State;

/// The class of each event, whose numbers are OCSF's (schema 1.5, `events/`). A new event doesn't
/// compile before somebody has said what it is to others.
fn class_of(event: &AuditEvent<'_>) -> u64 {
    match event {
        AuditEvent::Started { .. } | AuditEvent::Stopped { .. } => 6002,
        AuditEvent::PolicyLoaded { .. }
        | AuditEvent::PolicyRejected { .. }
        | AuditEvent::ProfilesReset { .. }
        | AuditEvent::IdentityRevoked { .. }
        | AuditEvent::IdentityRestored { .. }
        | AuditEvent::SessionsPruned { .. }
        | AuditEvent::Approval { .. } => 3004,
        AuditEvent::SignedIn { .. }
        | AuditEvent::SignInFailed { .. }
        | AuditEvent::SignedOut { .. } => 3002,
        AuditEvent::Access { request } => match request.state {
            State::Granted { .. } | State::Revoked { .. } => 3005,
            State::Waiting | State::Denied { .. } => 3004,
        },
        AuditEvent::KernelRefused { .. }
        | AuditEvent::Held { .. }
        | AuditEvent::SessionKilled { .. } => 4001,
        AuditEvent::SignalRaised { .. } => 2004,
    }
}

#[test]
fn every_event_is_told_under_a_class_of_its_own() {
    let at = Timestamp::UNIX_EPOCH;
    let by = || "unix:alice".to_owned();
    let request = |state| AccessRequest {
        id: "a1".to_owned(),
        requester: "unix:bob".to_owned(),
        aliases: Vec::new(),
        subject: "unix:bob".to_owned(),
        target: "orders".to_owned(),
        actions: vec!["select".to_owned()],
        templates: Vec::new(),
        reason: "a report".to_owned(),
        seconds: 60,
        asked: at,
        state,
    };
    let requests = [
        State::Waiting,
        State::Granted {
            by: by(),
            at,
            until: at,
        },
        State::Denied {
            by: by(),
            at,
            reason: "no".to_owned(),
        },
        State::Revoked {
            by: by(),
            at,
            reason: "over".to_owned(),
        },
    ]
    .map(request);
    let refusal = KernelRefusal {
        at,
        hook: "connect4".to_owned(),
        reason: "raw socket".to_owned(),
        protocol: "icmp".to_owned(),
        destination: Some("192.0.2.1:0".to_owned()),
        process: "ping".to_owned(),
        pid: 7,
    };
    let socket = HeldSocket {
        workload: "ci".to_owned(),
        protocol: "tcp".to_owned(),
        local: None,
        remote: Some("192.0.2.1:80".to_owned()),
        process: None,
        pid: None,
        foreign: true,
        outcome: "closed".to_owned(),
    };
    let signal = RaisedSignal {
        name: "bulk-rows".to_owned(),
        figures: "rows: 12,400".to_owned(),
        count: None,
        limit: None,
    };
    let (subject, workload, target) = ("workload:bot", "ci", Some("orders"));
    let mut events = vec![
        AuditEvent::Started {
            instance: "daemon",
            policy: "00",
        },
        AuditEvent::Stopped { instance: "daemon" },
        AuditEvent::PolicyLoaded { from: "0", to: "1" },
        AuditEvent::PolicyRejected {
            reason: "a.cedar:1",
            kept: "0",
        },
        AuditEvent::KernelRefused {
            refusal: &refusal,
            lost: 1,
        },
        AuditEvent::SignalRaised {
            signal: &signal,
            subject,
            workload,
            target,
        },
        AuditEvent::ProfilesReset {
            signal: None,
            of: Some(subject),
            by: "unix:alice",
            reset: 1,
        },
        AuditEvent::SessionKilled {
            session: weir_record::SessionId::new(at, 1),
            by: "unix:alice",
            reason: None,
        },
        AuditEvent::SignedIn {
            subject: "oidc:x#alice",
            groups: &[],
            provider: "corp",
            user: "alice",
        },
        AuditEvent::SignInFailed {
            subject: "unix:alice",
            provider: "corp",
            reason: "expired",
        },
        AuditEvent::SignedOut {
            subject: "oidc:x#alice",
        },
        AuditEvent::IdentityRevoked {
            identity: "bot",
            by: "unix:alice",
        },
        AuditEvent::IdentityRestored {
            identity: "bot",
            by: "unix:alice",
        },
        AuditEvent::SessionsPruned {
            sessions: 3,
            bytes: 9,
            by: "unix:alice",
        },
        AuditEvent::Approval {
            step: "asked",
            request: "r1",
            subject,
            target: "orders",
            state: "pending",
            by: None,
        },
        AuditEvent::Held { socket: &socket },
    ];
    events.extend(
        requests
            .iter()
            .map(|request| AuditEvent::Access { request }),
    );

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(&path).unwrap();
    for event in &events {
        audit.write(event);
    }
    let log = std::fs::read_to_string(&path).unwrap();
    assert_eq!(log.lines().count(), events.len());
    for (line, event) in log.lines().zip(&events) {
        let told = ocsf::audit(&ocsf::Host::new("db-1"), 0, line.as_bytes());
        let class = class_of(event);
        assert_eq!(told["class_uid"], class, "{event:?}: {told:#}");
        assert_eq!(told["category_uid"], class / 1000, "{told:#}");
        let activity = told["activity_id"].as_u64().unwrap();
        assert!(activity != 0 && activity != 99, "{told:#}");
        assert_eq!(told["type_uid"], class * 100 + activity, "{told:#}");
        let message = told["message"].as_str().unwrap_or_default();
        assert!(
            !message.is_empty() && !message.contains("unknown"),
            "{told:#}"
        );
        // The whole line goes with it, so nothing is lost.
        let whole: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["unmapped"]["audit"], whole);
    }
}
