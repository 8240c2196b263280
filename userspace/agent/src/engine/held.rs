//! Connections that a workload has beside weir: made before it was governed, or handed to it since.
//! Closed, and told.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use weir_intercept::{
    cgroup::Cgroup,
    established::{Established, Found, Outcome, Spared},
};

use super::status::HeldSocket;
use crate::{
    audit::{Audit, AuditEvent},
    config::Workload,
};

/// How often a workload is looked at. What was handed to it works until then.
const LOOK: Duration = Duration::from_secs(1);

/// Looks again and again, until it is dropped.
pub(super) async fn watch(workload: Arc<Workload>, cgroup: Cgroup, port: u16, audit: Arc<Audit>) {
    let mut established = Established::of(&cgroup);
    let mut turns = interval(LOOK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        turns.tick().await;
        let rules = Arc::clone(&workload);
        let looked = spawn_blocking(move || {
            let rules = &rules.rules;
            let found = established.close(Spared { port, rules });
            (established, found)
        });
        let Ok((again, found)) = looked.await else {
            // It panicked: what it knew is gone, the workload is looked at all the same.
            established = Established::of(&cgroup);
            continue;
        };
        established = again;
        match found {
            Ok(found) => {
                failing = false;
                for socket in &found {
                    tell(&workload, socket, &audit);
                }
            }
            // Said once, not every second.
            Err(error) if !failing => {
                failing = true;
                tracing::error!(workload = %workload.name, %error, "can't look for connections beside weir");
            }
            Err(_) => {}
        }
    }
}

fn tell(workload: &Workload, found: &Found, audit: &Audit) {
    let socket = HeldSocket {
        workload: workload.name.to_string(),
        protocol: found.protocol.to_string(),
        local: found.local.map(|end| end.to_string()),
        remote: found.remote.map(|end| end.to_string()),
        process: found.comm.clone(),
        pid: found.pid.map(weir_intercept::Pid::get),
        foreign: found.foreign,
        outcome: match &found.outcome {
            Outcome::Closed => "closed".to_owned(),
            Outcome::Listening => "listening".to_owned(),
            Outcome::Open { why } => format!("open: {why}"),
        },
    };
    match found.outcome {
        Outcome::Closed => tracing::warn!(?socket, "closed a connection that weir did not admit"),
        Outcome::Listening => tracing::info!(?socket, "a workload listens"),
        Outcome::Open { .. } => {
            tracing::error!(?socket, "a socket that weir did not admit can't be closed");
        }
    }
    audit.write(&AuditEvent::Held { socket: &socket });
}
