//! Has the rows of a message estimated, where a policy looks at that.
//!
//! What is judged by an estimate waits for it, and the session with it, two seconds at most. An
//! estimate is for one message and is asked for anew with the next.

use super::{
    drive::Surroundings,
    governed::{Governed, SessionError},
    request::{Estimated, Estimating},
};
use crate::upstream::postgres::estimate;

/// Asks the target's planner, and leaves the answer for the message that is handed in next.
pub(super) async fn estimate(
    session: &mut Governed,
    around: &Surroundings<'_>,
    wanted: &Estimating,
) -> Result<(), SessionError> {
    let prepared = &wanted.prepared;
    let statement = estimate::Explained {
        text: prepared.text(),
        types: prepared.types(),
        bind: wanted.bind.as_ref(),
        path: wanted.path.as_deref(),
    };
    let rows = estimate::rows(
        around.admission,
        around.database,
        around.settings,
        statement,
    );
    let rows = match rows.await {
        Ok(rows) => Some(rows),
        Err(error) => {
            let note = format!("how many rows a statement concerns can't be estimated: {error}");
            session.record.note(&note)?;
            None
        }
    };
    session.estimated = Some(Estimated(rows));
    // The catalogue was looked at as it was handed in before.
    session.catalogue_asked();
    Ok(())
}
