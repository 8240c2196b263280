//! Has the rows of a message estimated, where a policy looks at that or people are asked.
//!
//! What is judged by an estimate waits for it, and the session with it, two seconds at most. An
//! estimate is for one message and is asked for anew with the next.

use super::{
    drive::Surroundings,
    governed::{Governed, SessionError},
    request::{Estimated, Estimating},
};
use crate::upstream::{UpstreamError, postgres::estimate};

/// Asks the target's planner.
pub(super) async fn rows(
    around: &Surroundings<'_>,
    wanted: &Estimating,
) -> Result<u64, UpstreamError> {
    let statement = estimate::Explained {
        text: wanted.prepared.text(),
        types: wanted.prepared.types(),
        bind: wanted.bind.as_ref(),
        path: wanted.path.as_deref(),
    };
    estimate::rows(
        around.admission,
        around.database,
        around.settings,
        statement,
    )
    .await
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
