//! What may come from elsewhere while a session lives: other policies, other groups, an end.
//!
//! All sessions wait for the same few things that hardly ever happen. Looking for them takes a lock
//! that they share, so a session looks once and then only when it is woken for it.

use std::{future::pending, sync::Arc};

use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt},
};
use tokio::sync::watch;
use weir_policy::{Policies, Subject};

/// Something is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The policies in force.
    Policies,
    /// The subject.
    Subject,
    /// The engine stops.
    Shutdown,
}

/// Where news come from. The receivers that are handed in tell what was seen: what is newer is news.
#[derive(Debug)]
pub(super) struct Wire(FuturesUnordered<BoxFuture<'static, News>>);

impl Wire {
    pub(super) fn new() -> Self {
        Self(FuturesUnordered::new())
    }

    /// Resolves with the next. Safe to cancel: what was waited for is waited for on.
    pub(super) async fn next(
        &mut self,
        policies: &watch::Receiver<Arc<Policies>>,
        subject: &watch::Receiver<Arc<Subject>>,
        shutdown: &watch::Receiver<bool>,
    ) -> News {
        if self.0.is_empty() {
            self.0.push(Box::pin(any(
                policies.clone(),
                subject.clone(),
                shutdown.clone(),
            )));
        }
        match self.0.next().await {
            Some(news) => news,
            None => pending().await,
        }
    }
}

async fn any(
    mut policies: watch::Receiver<Arc<Policies>>,
    mut subject: watch::Receiver<Arc<Subject>>,
    mut shutdown: watch::Receiver<bool>,
) -> News {
    tokio::select! {
        Ok(()) = policies.changed() => News::Policies,
        Ok(()) = subject.changed() => News::Subject,
        Ok(()) = shutdown.changed() => News::Shutdown,
        // Nobody is left who could tell.
        else => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn each_change_is_told_once_and_none_is_missed() {
        let policies = Arc::new(Policies::shipped().unwrap());
        let (tell_policies, mut policies) = watch::channel(policies);
        let (tell_subject, mut subject) = watch::channel(Arc::new(Subject {
            id: "unix:a".to_owned(),
            groups: vec![],
            on_behalf_of: None,
        }));
        let (tell_shutdown, shutdown) = watch::channel(false);
        let mut wire = Wire::new();
        for _ in 0..3 {
            assert_eq!(
                wire.next(&policies, &subject, &shutdown).now_or_never(),
                None
            );
            tell_policies.send_modify(|_| {});
            let news = wire.next(&policies, &subject, &shutdown).await;
            assert_eq!(news, News::Policies);
            // It changes again before it was seen, and with it the subject.
            tell_policies.send_modify(|_| {});
            tell_subject.send_modify(|_| {});
            policies.borrow_and_update();
            let news = wire.next(&policies, &subject, &shutdown).await;
            assert_eq!(news, News::Subject);
            subject.borrow_and_update();
        }
        drop((tell_policies, tell_subject));
        assert_eq!(
            wire.next(&policies, &subject, &shutdown).now_or_never(),
            None
        );
        tell_shutdown.send_replace(true);
        let news = wire.next(&policies, &subject, &shutdown).await;
        assert_eq!(news, News::Shutdown);
    }
}
