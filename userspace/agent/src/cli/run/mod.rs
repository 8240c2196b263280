//! `weir run`: one command behind weir, from an empty cgroup to an account of what it did.
//!
//! Whatever fails on the way, the command ends or stays governed; enforcement is lifted only once
//! nothing is left in the cgroup. A weir that is killed leaves the cgroup closed.

mod account;
mod authority;
mod confine;
mod declared;
mod error;
mod landlock;
mod mounts;
mod place;
mod room;
mod seccomp;
mod signals;
mod spawn;
mod stdio;
mod sweep;
mod user;

use std::{
    future::pending,
    os::unix::process::ExitStatusExt as _,
    pin::pin,
    process::ExitStatus,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use nix::unistd::geteuid;
use tokio::{process::Child, sync::oneshot};
use weir_intercept::UnixRule;
use weir_policy::Mode;

use self::{
    account::{Account, prefix},
    authority::Published,
    place::Place,
    room::Room,
    signals::{Blocked, Signals},
};
use super::{args, daemon, line::Tone, log, out::Out};
use crate::{
    config::Config,
    control::{Api, Server},
    engine::{Engine, EngineError, StartOptions},
};

pub(super) use self::{error::RunError, landlock::missing as without_landlock};

/// How long the sessions of a command that has ended may take to write their own ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs `weir run`; the exit code is the command's.
pub(super) fn run(command: &args::Run) -> Result<u8, RunError> {
    if !geteuid().is_root() {
        return Err(RunError::NotRoot);
    }
    log::start(if command.quiet { "error" } else { "warn" });
    let user = user::Account::find(command.user.as_deref())?;
    stdio::check()?;
    // Before there is any other thread.
    let blocked = Blocked::now()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;

    let place = Place::make()?;
    let declared = declared::config(
        command.config.as_deref(),
        command.state.as_deref(),
        command.observe.then_some(Mode::Observe),
        &place,
    );
    let governed = declared
        .and_then(|config| runtime.block_on(govern(command, &user, &place, config, &blocked)));
    // Also after a failure: nothing of the run is left behind, unless something in it survives.
    if let Err(error) = place.end().and_then(|()| place.cgroup.remove()) {
        tracing::warn!(%error, "the command's cgroup stays");
    }
    let (status, account) = governed?;
    if !command.quiet {
        // The command's exit code counts for more than where this is printed.
        account.print(&mut Out::stderr()).ok();
    }
    Ok(exit_code(status))
}

/// From the start of the engine to its end, with the command's life in between.
async fn govern(
    command: &args::Run,
    user: &user::Account,
    place: &Place,
    mut config: Config,
    blocked: &Blocked,
) -> Result<(ExitStatus, Account), RunError> {
    let signals = blocked.listen()?;
    let sockets = declared::unix_sockets(&mut config);
    let room = Room::make(place).map_err(RunError::Room)?;
    config.engine.socket = room.socket();
    let server = Server::bind(&room.socket(), daemon::access(&config))?;
    let options = StartOptions {
        instance: place.instance(),
        journals: Some(room.path().to_owned()),
        answers: true,
        ..StartOptions::default()
    };
    let engine = Engine::start(config, options).await?;
    let began = Timestamp::now();
    let api = tokio::spawn(server.serve(Api::of(engine.clone()), pending()));
    let lived = live(command, user, place, &engine, &sockets, signals).await;
    api.abort();
    // Nothing may be left that could go on once enforcement is lifted.
    place.end()?;
    let refusals = (
        &engine.kernel_refusals()[..],
        engine.status().kernel_refusals,
    );
    let account = Account::gather(engine.records(), began, place, refusals);
    engine.lift()?;
    Ok((lived?, account))
}

/// The command's life, with the engine serving it.
async fn live(
    command: &args::Run,
    user: &user::Account,
    place: &Place,
    engine: &Engine,
    sockets: &UnixRule,
    mut signals: Signals,
) -> Result<ExitStatus, RunError> {
    let authority = Published::copy(engine.ca_pem(), &place.name)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = pin!(engine.serve(async {
        // Dropped is as good as told.
        stopped.await.ok();
    }));
    if !command.quiet {
        greet(user, engine, sockets);
    }
    let mut child = spawn::spawn(
        &command.command,
        user,
        &place.cgroup,
        authority.path(),
        sockets,
    )?;
    let ended = tokio::select! {
        served = &mut serving => Err(fallen(served)),
        status = wait(&mut child, &mut signals) => status,
        never = room::tell(engine.approvals()), if !command.quiet => match never {},
    };
    // Without weir the command could only fail; it is ended with the rest of its cgroup.
    let status = ended?;
    place.end()?;
    let last_words = async {
        settle(engine).await;
        drop(stop);
    };
    let (served, ()) = tokio::join!(serving, last_words);
    served?;
    Ok(status)
}

/// Waits for the command, and passes on to it what is sent to weir.
async fn wait(child: &mut Child, signals: &mut Signals) -> Result<ExitStatus, RunError> {
    loop {
        let pid = child.id();
        tokio::select! {
            status = child.wait() => return status.map_err(RunError::Wait),
            signal = signals.next() => signals::pass_on(signal?, pid),
        }
    }
}

/// Lets the sessions see that their agent is gone, so that their records end with that and not
/// with weir's own end.
async fn settle(engine: &Engine) {
    let deadline = Instant::now() + LAST_WORDS;
    while !engine.status().sessions.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn fallen(served: Result<(), EngineError>) -> RunError {
    match served {
        Ok(()) => RunError::EngineReturned,
        Err(error) => RunError::EngineStopped(error),
    }
}

fn greet(user: &user::Account, engine: &Engine, sockets: &UnixRule) {
    let status = engine.status();
    let mut line = prefix()
        .text(format!("running as {}, policy ", user.name))
        .and(Tone::Key, status.policy.version)
        .text(", records in ")
        .and(Tone::Key, engine.records().display());
    if !user.withheld.is_empty() {
        line = line.and(
            Tone::Warn,
            format!(", without group {}", user.withheld.join(", ")),
        );
    }
    let mut workloads = status.interception.workloads.iter();
    if workloads.any(|workload| workload.mode == Mode::Observe.as_str()) {
        let observed = "observed: nothing is refused that can go on";
        line = line.text(", ").and(Tone::Warn, observed);
    }
    let mut out = Out::stderr();
    out.line(&line).ok();
    if *sockets != UnixRule::Open
        && let Some(missing) = landlock::missing()
    {
        out.line(&prefix().and(Tone::Warn, missing)).ok();
    }
}

/// As a shell gives it: the command's own, or 128 and the signal's number.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_shell_s() {
        for (raw, code) in [(0, 0), (7 << 8, 7), (255 << 8, 255), (9, 137), (15, 143)] {
            assert_eq!(exit_code(ExitStatus::from_raw(raw)), code);
        }
    }
}
