//! Passes the bytes of an opaque connection on, both ways in one task, until something ends it.

use std::{future::pending, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use weir_record::{RecordError, RecordedPermit, SessionWriter};

use super::{
    flow::{Broken, Flow, Step},
    resets,
};
use crate::{
    config::Tcp,
    session::{Change, Cut, Watched, standing::Standing},
};

/// The two ends, and the proof that they may be joined.
pub(super) struct Ways<'a> {
    pub agent: TcpStream,
    pub target: TcpStream,
    pub recorded: &'a RecordedPermit,
    pub service: &'a Tcp,
}

/// How many bytes went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copied {
    /// From the agent to the target.
    pub sent: u64,
    /// From the target to the agent.
    pub received: u64,
}

/// How a connection came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// Both sides have said all that they had to say.
    Closed,
    /// The agent's side broke.
    ClientGone,
    /// The target's side broke.
    ServerGone,
    /// Nobody said anything for too long.
    Idle,
    /// The engine stops.
    Shutdown,
    /// It was ended from outside, or may not go on.
    Cut(Cut),
}

/// Passes bytes on until an end, or until it may not go on.
///
/// # Errors
/// When what was read can't be recorded; it is not passed on then.
pub(super) async fn copy(
    ways: Ways<'_>,
    record: &mut SessionWriter,
    watched: &mut Watched,
    mut standing: Standing<'_, Tcp>,
) -> Result<(Ended, Copied), RecordError> {
    let Ways {
        mut agent,
        mut target,
        recorded,
        service,
    } = ways;
    let seq = recorded.seq();
    let (mut out, mut back) = (Flow::new(), Flow::new());
    let ended = {
        let (mut agent_reads, mut agent_writes) = agent.split();
        let (mut target_reads, mut target_writes) = target.split();
        let mut last = Instant::now();
        loop {
            if out.is_over() && back.is_over() {
                break Ended::Closed;
            }
            tokio::select! {
                step = out.step(&mut agent_reads, &mut target_writes) => match step {
                    Ok(Step::Read(bytes)) => {
                        if let Err(cut) = standing.passes(bytes.len()) {
                            break Ended::Cut(cut);
                        }
                        if service.record_bytes {
                            record.request(seq, bytes)?;
                            recorded.commit().await?;
                        }
                    }
                    Ok(Step::Other) => {}
                    Err(Broken::Source) => break Ended::ClientGone,
                    Err(Broken::Sink) => break Ended::ServerGone,
                },
                step = back.step(&mut target_reads, &mut agent_writes) => match step {
                    Ok(Step::Read(bytes)) => {
                        if let Err(cut) = standing.passes(bytes.len()) {
                            break Ended::Cut(cut);
                        }
                        if service.record_bytes {
                            record.response(seq, bytes)?;
                            record.keeps_up().await?;
                        }
                    }
                    Ok(Step::Other) => {}
                    Err(Broken::Source) => break Ended::ServerGone,
                    Err(Broken::Sink) => break Ended::ClientGone,
                },
                () = silence(last, service.idle_timeout) => break Ended::Idle,
                Ok(()) = watched.shutdown.changed() => break Ended::Shutdown,
                cut = watched.killed.killed() => break Ended::Cut(cut),
                change = Change::next(&mut watched.policies, &mut watched.subject) => {
                    record.note(&change.note())?;
                    if let Err(cut) = standing.change(change) {
                        break Ended::Cut(cut);
                    }
                    // Not a sign of life.
                    continue;
                }
            }
            last = Instant::now();
        }
    };
    if matches!(ended, Ended::Closed) {
        // What is still in the kernel's hands reaches its reader.
        resets::off(&agent);
        resets::off(&target);
    }
    let copied = Copied {
        sent: out.passed(),
        received: back.passed(),
    };
    Ok((ended, copied))
}

/// Resolves once nothing has happened for as long as is allowed.
async fn silence(last: Instant, allowed: Option<Duration>) {
    match allowed {
        Some(allowed) => sleep_until(last + allowed).await,
        None => pending().await,
    }
}
