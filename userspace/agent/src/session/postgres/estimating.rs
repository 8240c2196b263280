//! Has the rows of a message estimated, where a policy looks at that or people are asked.
//!
//! What is judged by an estimate waits for it, and the session with it, two seconds at most. An
//! estimate is for one message and is asked for anew with the next. The connection that it takes is the
//! session's own: made with the first estimate, let go once none has come for a while, and made anew,
//! once, where it is found broken.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout};

use super::{
    drive::Surroundings,
    governed::{Governed, SessionError},
    request::{Estimated, Estimating},
};
use crate::upstream::{
    UpstreamError,
    postgres::estimate::{Explained, Planner},
};

/// How long a statement, or whoever is asked about it, waits for an estimate.
const SOON: Duration = Duration::from_secs(2);
/// How long a connection is kept that nobody asks anything.
const IDLE: Duration = Duration::from_secs(10);

/// The connection of one session to the target's planner, between its questions.
#[derive(Default)]
pub(super) struct Kept(Arc<Mutex<Slot>>);

#[derive(Default)]
struct Slot {
    /// And since when.
    planner: Option<(Planner, Instant)>,
    /// A task looks whether it has been idle for long enough.
    watched: bool,
}

impl Kept {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Planner> {
        self.slot().planner.take().map(|(planner, _)| planner)
    }

    /// Only a connection whose last answer was read to its end gets back here.
    fn keep(&self, planner: Planner) {
        let mut slot = self.slot();
        slot.planner = Some((planner, Instant::now()));
        if !std::mem::replace(&mut slot.watched, true) {
            tokio::spawn(let_go(Arc::downgrade(&self.0)));
        }
    }

    /// Ends it with the session.
    pub(super) async fn close(&self) {
        if let Some(planner) = self.take() {
            planner.close().await;
        }
    }
}

/// Closes the connection once it was idle for long enough. What is in use then is watched anew when it
/// comes back.
async fn let_go(kept: Weak<Mutex<Slot>>) {
    let mut until = Instant::now() + IDLE;
    let idle = loop {
        sleep_until(until).await;
        let Some(kept) = kept.upgrade() else {
            return;
        };
        let mut slot = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &slot.planner {
            Some((_, since)) if since.elapsed() < IDLE => until = *since + IDLE,
            _ => {
                slot.watched = false;
                break slot.planner.take();
            }
        }
    };
    if let Some((planner, _)) = idle {
        planner.close().await;
    }
}

/// Asks the target's planner.
pub(super) async fn rows(
    around: &Surroundings<'_>,
    wanted: &Estimating,
) -> Result<u64, UpstreamError> {
    let statement = Explained {
        text: wanted.prepared.text(),
        types: wanted.prepared.types(),
        bind: wanted.bind.as_ref(),
        path: wanted.path.as_deref(),
    };
    let estimated = timeout(SOON, asked(around, statement));
    estimated
        .await
        .map_err(|_| UpstreamError::Silent(around.admission.upstream().to_string()))?
}

async fn asked(around: &Surroundings<'_>, statement: Explained<'_>) -> Result<u64, UpstreamError> {
    let answered = match around.planner.take() {
        Some(planner) => match planner.rows(statement).await {
            Ok(answered) => Some(answered),
            Err(error) => {
                tracing::debug!(%error, "the connection for estimates is made anew");
                None
            }
        },
        None => None,
    };
    let (planner, rows) = match answered {
        Some(answered) => answered,
        None => {
            let (admission, database) = (around.admission, around.database);
            let planner = Planner::open(admission, database, around.settings).await?;
            planner.rows(statement).await?
        }
    };
    around.planner.keep(planner);
    rows
}

/// The same, and leaves the answer for the message that is handed in next.
pub(super) async fn estimate(
    session: &mut Governed,
    around: &Surroundings<'_>,
    wanted: &Estimating,
) -> Result<(), SessionError> {
    let rows = match rows(around, wanted).await {
        Ok(rows) => Some(rows),
        Err(error) => {
            session.not_estimated(&error.to_string())?;
            None
        }
    };
    session.estimated = Some(Estimated(rows));
    // The catalogue was looked at as it was handed in before.
    session.catalogue_asked();
    Ok(())
}
