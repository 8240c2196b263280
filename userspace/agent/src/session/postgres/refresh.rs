//! Has a session's knowledge of its database's shape renewed: where it waits for that, and once in a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    catalogues::{Age, FRESH, SOON},
    drive::Surroundings,
    governed::{Governed, SessionError},
};
use crate::upstream::UpstreamError;

/// Has what others have changed seen, and returns from when on that isn't too long ago.
pub(super) async fn lately(
    session: &mut Governed,
    around: &Surroundings<'_>,
) -> Result<Instant, SessionError> {
    let Some(catalogues) = around.catalogues else {
        return Ok(session.now);
    };
    let policies = Arc::clone(session.judge.policies());
    let at = session.shape.at();
    let look = catalogues.lately(around.admission, around.database, &policies, at);
    match Box::pin(look).await {
        Ok(Some(known)) => session.catalogue_changed(known),
        Ok(None) => {}
        Err(error) => {
            unread(session, &error)?;
            return Ok(session.now + FRESH - SOON);
        }
    }
    Ok(session.now)
}

/// The last reading stays in force; what it doesn't know is masked.
fn unread(session: &mut Governed, error: &UpstreamError) -> Result<(), SessionError> {
    let note = format!("the catalogue can't be read again: {error}");
    Ok(session.record.note(&note)?)
}

/// Has the catalogue seen as it is now, or was at most `age` ago.
pub(super) async fn refresh(
    session: &mut Governed,
    around: &Surroundings<'_>,
    age: Duration,
) -> Result<(), SessionError> {
    let Some(catalogues) = around.catalogues else {
        return Ok(());
    };
    let policies = Arc::clone(session.judge.policies());
    // On the heap while it lasts: a session shouldn't carry room for what it seldom does.
    let age = Age::Within(age);
    let reading = catalogues.lineage(around.admission, around.database, &policies, age);
    match Box::pin(reading).await {
        Ok(known) => session.catalogue_changed(known),
        Err(error) => unread(session, &error)?,
    }
    Ok(())
}
