//! Serving: what is accepted becomes a session each, and beside it run the tasks that every engine
//! has.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use weir_intercept::{AcceptError, Intercepted, Interceptor};

use super::{
    Engine, EngineError, Tagged, connection, datagrams, held, identified, lock, report_unresolved,
    workers::Workers,
};
use crate::{audit::AuditEvent, route::Routes, webhook};

/// How often host names of targets are looked up again.
const RESOLVE: Duration = Duration::from_secs(30);
/// How long live sessions have to end when the engine stops.
const FAREWELL: Duration = Duration::from_secs(5);

impl Engine {
    /// Accepts and drives sessions until `shutdown`, then ends the live ones and their records.
    /// Enforcement stays: connects fail, or wait where listeners are handed over, until an engine
    /// serves again.
    ///
    /// # Errors
    /// When somebody who is to be told of approvals can't be, or a record of what was asked of
    /// resolvers can't be ended.
    pub async fn serve(&self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        // None: it was lifted.
        let Some(interceptor) = self.interceptor() else {
            return Ok(());
        };
        let workers =
            Workers::start(self.0.config.engine.io_uring).map_err(EngineError::Threads)?;
        let mut webhooks = webhook::tell_all(&self.0.config.webhooks, &self.0.approvals)?;
        let mut beside = self.beside();
        let telling = lock(&self.0.telling).take();
        let telling = telling.map(|telling| telling.run(self.gather()));
        let mut sessions = JoinSet::new();
        sessions.spawn(datagrams::take(self.clone(), Arc::clone(&interceptor)));
        self.accept(&interceptor, &workers, &mut sessions, shutdown)
            .await;
        self.0.shutdown.send_replace(true);
        let farewell = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!(left = sessions.len(), "sessions did not end in time");
        }
        sessions.shutdown().await;
        beside.shutdown().await;
        self.0.signals.save();
        webhooks.shutdown().await;
        self.0.approvals.close();
        self.0.audit.write(&AuditEvent::Stopped {
            instance: &self.0.instance,
        });
        let closed = self.0.resolver.close().map_err(EngineError::Record);
        // What they had no time for, they take up with the next engine.
        let shipper = lock(&self.0.shipper).take();
        if let Some(shipper) = shipper {
            shipper.stop().await;
        }
        if let Some(telling) = telling {
            telling.stop().await;
        }
        closed
    }

    async fn accept(
        &self,
        interceptor: &Interceptor,
        workers: &Workers,
        sessions: &mut JoinSet<()>,
        shutdown: impl Future<Output = ()>,
    ) {
        let mut resolve = interval(RESOLVE);
        resolve.set_missed_tick_behavior(MissedTickBehavior::Delay);
        resolve.reset();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = resolve.tick() => self.resolve(interceptor).await,
                Some(_) = sessions.join_next() => {}
                accepted = interceptor.accept() => match accepted {
                    Ok(intercepted) => self.begin(intercepted, workers, sessions),
                    Err(AcceptError::Unattributed { peer }) => {
                        tracing::warn!(%peer, "dropped a connection that came from no workload");
                    }
                    Err(error) => {
                        tracing::error!(%error, "can't accept");
                        sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
    }

    /// Has a session live on one of the workers from here on.
    fn begin(&self, intercepted: Intercepted, workers: &Workers, sessions: &mut JoinSet<()>) {
        let Intercepted { io, .. } = intercepted;
        let (engine, io) = (self.clone(), io.into_std());
        let session = async move {
            // The socket's news come to the runtime in which it is made one again.
            match io.and_then(TcpStream::from_std) {
                Ok(io) => connection::serve(engine, Intercepted { io, ..intercepted }).await,
                Err(error) => tracing::error!(%error, "a connection is dropped"),
            }
        };
        match workers.next() {
            Some(worker) => sessions.spawn_on(session, worker),
            None => sessions.spawn(session),
        };
    }

    /// What runs beside the sessions, until it is dropped.
    fn beside(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&self.0.signals).keep());
        let port = self.0.interception.port;
        for tagged in self.0.workloads.values() {
            let (workload, cgroup) = (&tagged.workload, &tagged.cgroup);
            tasks.spawn(held::watch(
                Arc::clone(workload),
                cgroup.clone(),
                port,
                Arc::clone(&self.0.audit),
            ));
        }
        for Tagged {
            cgroup, populated, ..
        } in self.0.workloads.values()
        {
            tasks.spawn(identified::look(cgroup.clone(), populated.clone()));
        }
        for keeping in self.0.identities.keep() {
            tasks.spawn(keeping);
        }
        tasks
    }

    async fn resolve(&self, interceptor: &Interceptor) {
        let mut routes = Routes::clone(&self.0.routes.load());
        report_unresolved(&mut routes).await;
        self.0.routes.store(Arc::new(routes));
        if let Err(error) = self.tell_places(interceptor) {
            tracing::error!(%error, "datagrams to new addresses of a target are refused");
        }
    }
}
