//! `weir daemon`: the engine as a service.
//!
//! Whatever ends it, the programs stay pinned: what the governed workloads dial then fails instead
//! of going out unseen.

use std::{future::Future, os::fd::OwnedFd, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::timeout,
};

use super::{
    args,
    error::CliError,
    handover, log, need_root,
    notify::{Notifier, State},
    runtime,
    sessions::story::count,
};
use crate::{
    config::Config,
    control::{Access, Api, Server},
    engine::{Engine, StartOptions},
};

/// How long the API's answers under way may take once weir stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Runs `weir daemon`.
pub(super) fn run(daemon: &args::Daemon) -> Result<(), CliError> {
    need_root("weir daemon")?;
    log::start("info");
    // Before anything else is opened.
    let inherited = handover::inherited();
    let config = Config::load(&daemon.config)?;
    runtime::full()?.block_on(serve(config, daemon, inherited))
}

async fn serve(
    config: Config,
    daemon: &args::Daemon,
    inherited: Vec<OwnedFd>,
) -> Result<(), CliError> {
    let notifier = Notifier::from_env();
    // Before anything is enforced: a second daemon must not touch what the first one governs.
    let server = Server::bind(&config.engine.socket, access(&config))?;
    let hangups = signal(SignalKind::hangup()).map_err(CliError::Runtime)?;
    let stop = stop_asked()?;

    let options = StartOptions {
        instance: daemon.instance.clone(),
        policies: None,
        journals: None,
        answers: true,
        inherited,
        index: true,
    };
    let engine = Engine::start(config, options).await?;
    let status = describe(&engine);
    tracing::info!(config = %daemon.config.display(), "weir governs: {status}");

    let (stopping, stopped) = watch::channel(());
    let api = tokio::spawn(server.serve(Api::of(engine.clone()), closed(stopped.clone())));
    let reloads = tokio::spawn(reload_on(hangups, engine.clone()));
    let watches = tokio::spawn(engine.clone().watch_policies());
    // Kept from the start: a daemon that is killed has no time to hand them over.
    notifier.keep(&engine.listeners());
    notifier.tell(State::Ready(&status));

    let served = engine.serve(stop).await;

    notifier.tell(State::Stopping(
        "live sessions are ended; enforcement stays",
    ));
    reloads.abort();
    watches.abort();
    drop(stopping);
    if timeout(LAST_ANSWERS, api).await.is_err() {
        tracing::warn!("an answer of the local API was cut off");
    }
    tracing::info!(
        "weir has stopped and its enforcement stays: what the governed workloads dial fails until \
         weir runs again; `weir uninstall` lifts it"
    );
    Ok(served?)
}

/// People who sign in aren't root.
pub(super) fn access(config: &Config) -> Access {
    if config.people_sign_in() {
        Access::Everybody
    } else {
        Access::Private
    }
}

/// Resolves at the first signal that asks for an end.
fn stop_asked() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("asked to stop (SIGTERM)"),
            _ = interrupt.recv() => tracing::info!("asked to stop (SIGINT)"),
        }
    })
}

async fn closed(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: the channel's end is the message.
    while stopped.changed().await.is_ok() {}
}

async fn reload_on(mut hangups: Signal, engine: Engine) {
    let notifier = Notifier::from_env();
    while hangups.recv().await.is_some() {
        notifier.tell(State::Reloading);
        let anew = engine.clone();
        match tokio::task::spawn_blocking(move || anew.reload_policies()).await {
            Ok(Ok(done)) => tracing::info!(
                from = %done.from, to = %done.to, rejudged = done.rejudged, "policies reloaded"
            ),
            Ok(Err(error)) => tracing::error!("policies not reloaded, the old ones stay: {error}"),
            Err(error) => tracing::error!(%error, "policies not reloaded, the old ones stay"),
        }
        notifier.tell(State::Ready(&describe(&engine)));
    }
}

fn describe(engine: &Engine) -> String {
    let status = engine.status();
    let counted = |number: usize, noun| count(u64::try_from(number).unwrap_or(u64::MAX), noun);
    format!(
        "{}, {}, policy {}",
        counted(status.interception.workloads.len(), "workload"),
        counted(status.targets.len(), "target"),
        status.policy.version
    )
}
