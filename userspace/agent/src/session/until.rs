//! Waiting for something that is told of.

use tokio::sync::Notify;

/// Resolves once `look` finds something, at once where it does already. It must be told of by
/// [`Notify::notify_waiters`] after it is there. Safe to cancel.
pub(super) async fn until<T>(told: &Notify, look: impl Fn() -> Option<T>) -> T {
    loop {
        // Made before the look, so that what comes after that is heard.
        let heard = told.notified();
        if let Some(found) = look() {
            return found;
        }
        heard.await;
    }
}
