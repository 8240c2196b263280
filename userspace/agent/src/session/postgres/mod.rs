//! PostgreSQL: one session, from the agent's first byte to the record's last.
//!
//! [`serve`] and [`begin`] read as numbered steps. The state of a session past its start-up is
//! [`Governed`](governed::Governed); the module `drive` moves its bytes.

mod answer;
mod cancels;
mod catalogues;
mod changes;
mod counted;
mod detecting;
mod drive;
mod encoding;
mod end;
mod estimating;
mod farewell;
mod flows;
mod governed;
mod greet;
mod held;
mod hidden;
mod lexing;
mod names;
mod open;
mod outliving;
mod path;
mod pipeline;
mod plans;
mod portal;
mod prepared;
mod reading;
mod refresh;
mod refusal;
mod replication;
mod request;
mod shape;
mod shown;
#[cfg(test)]
mod simulation;
mod startup;
mod texts;
mod traits;
mod waiting;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpStream, time::timeout};
use weir_record::{End, RecordError, SessionId, SessionWriter};
use weir_wire::postgres::{Limits, backend::BackendKeyData};

pub use self::{
    cancels::Cancels,
    catalogues::Catalogues,
    farewell::{is_startup, refuse},
};
use self::{
    drive::{Ended, Surroundings, drive},
    farewell::goodbye,
    governed::SessionError,
    open::{Begun, begin},
};
pub use super::Watched;
use crate::{admit::Admission, mask::key::MaskKey, tls::Authority, upstream::postgres::cancel};

/// How long the target may take to hear that a command is to be cancelled.
const STOPPED: Duration = Duration::from_secs(2);

/// What all sessions share.
pub struct Services {
    /// Mints the leaves that agents see.
    pub authority: Authority,
    /// Hashes and tokenises masked values.
    pub mask_key: Arc<MaskKey>,
    /// The catalogues of all databases.
    pub catalogues: Catalogues,
    /// The cancel keys of all sessions.
    pub cancels: Arc<Cancels>,
    /// What a message may hold.
    pub limits: Limits,
}

/// Serves one admitted connection to its end, and ends its record.
pub async fn serve(
    io: TcpStream,
    admission: Admission,
    record: SessionWriter,
    services: &Services,
    mut watched: Watched,
) -> Result<(), RecordError> {
    // What comes before a session and after it is on the heap while it lasts: there are as many as
    // connections, and an idle one shouldn't carry room for it.
    // 1 to 4. Lead up to it.
    let Some(mut begun) = Box::pin(begin(io, &admission, record, services, &mut watched)).await?
    else {
        return Ok(());
    };
    // 5. Drive it until it ends.
    let Begun {
        session,
        agent,
        target,
        database,
        settings,
        interrupt,
        ..
    } = &mut *begun;
    let has_catalogue = replication::has_catalogue(session.replication);
    let mut around = Surroundings {
        policies: watched.policies,
        subject: watched.subject,
        shutdown: watched.shutdown,
        killed: watched.killed,
        catalogues: has_catalogue.then_some(&services.catalogues),
        admission: &admission,
        database,
        settings,
        approvals: watched.approvals.as_ref(),
        interrupt: Arc::clone(interrupt),
        limits: services.limits,
        planner: estimating::Kept::default(),
    };
    let (ended, hears) = drive(session, (agent, target), &mut around).await;
    let planner = around.planner;
    let finished = Box::pin(finish(begun, ended, hears, &admission)).await;
    Box::pin(planner.close()).await;
    finished
}

/// `hears`: the agent can still be told why.
async fn finish(
    begun: Box<Begun>,
    ended: Ended,
    hears: bool,
    admission: &Admission,
) -> Result<(), RecordError> {
    let Begun {
        mut session,
        agent,
        target,
        // Its key is good until the session has ended.
        registered: _registered,
        cancel_key,
        ..
    } = *begun;
    // 6. Say goodbye, on record first.
    let told_why = session.told_why;
    let under_way = session.changes_under_way();
    let (record, settled) = session.finish();
    if let Some(under_way) = under_way {
        tokio::spawn(outliving::outlive(target.into_io(), under_way));
    }
    let id = *record.id();
    let ended = match (ended, settled) {
        (ended @ Ended::Failed(_), _) | (ended, Ok(())) => ended,
        (_, Err(error)) => Ended::Failed(error),
    };
    let killed = matches!(
        ended,
        Ended::Cut(_) | Ended::Failed(SessionError::Signal(_))
    );
    goodbye(hears.then(|| agent.into_io()), record, ended, told_why).await?;
    // 7. What a killed session has under way at the target ends with it.
    if killed && let Some(key) = cancel_key {
        stop(admission, &key, &id).await;
    }
    Ok(())
}

/// Cancels what a session that was ended has under way at the target, which else would finish it:
/// a server looks at its client's socket only when it writes.
async fn stop(admission: &Admission, key: &BackendKeyData, session: &SessionId) {
    let cancelled = timeout(STOPPED, cancel(admission, key)).await;
    if let Ok(Err(error)) = cancelled {
        tracing::warn!(%session, %error, "what the session has under way can't be cancelled");
    }
}

async fn cancelled(
    admission: &Admission,
    services: &Services,
    request: &weir_wire::postgres::CancelRequest,
) -> End {
    let found = services.cancels.find(request, admission.workload());
    // An unknown key is answered as the server answers it: not at all.
    let Some(session) = found.filter(|found| found.target == admission.target().name) else {
        return End::Refused {
            rule: "unknown-cancel-key".to_owned(),
            message: "no session of this workload has this cancel key".to_owned(),
        };
    };
    // What people are asked about is at no target yet.
    if session.interrupt.interrupt() {
        return End::Closed;
    }
    match cancel(admission, &session.theirs).await {
        Ok(()) => End::Closed,
        Err(error) => End::Error {
            message: error.to_string(),
        },
    }
}
