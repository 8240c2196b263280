//! Passes the bytes of an opaque connection on, both ways in one task, until something ends it.

use std::{iter, pin::pin, sync::Arc, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::{
    io::split,
    time::{Instant, sleep_until},
};
use weir_record::{RecordError, RecordedPermit, SessionWriter};
use weir_uring::Stream;

use super::{
    flow::{Broken, Flow, Step},
    resets,
};
use crate::{
    config::Tcp,
    session::{
        Change, Cut, Watched,
        news::{News, Wire},
        standing::Standing,
    },
};

/// The two ends, and the proof that they may be joined.
pub(super) struct Ways<'a> {
    pub agent: Stream,
    pub target: Stream,
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
        let (mut agent_reads, mut agent_writes) = split(&mut agent);
        let (mut target_reads, mut target_writes) = split(&mut target);
        let Watched {
            policies,
            subject,
            shutdown,
            killed,
            ..
        } = watched;
        // What hardly ever comes is looked at when it wakes, not with each step; and before each, so
        // that no flood of bytes keeps it waiting.
        let mut killed: FuturesUnordered<_> = iter::once(killed.killed()).collect();
        let mut wire = Wire::new();
        let allowed = service.idle_timeout.unwrap_or(Duration::ZERO);
        let mut last = Instant::now();
        let mut silence = pin!(sleep_until(last + allowed));
        loop {
            if out.is_over() && back.is_over() {
                break Ended::Closed;
            }
            let steps = either(
                out.step(&mut agent_reads, &mut target_writes),
                back.step(&mut target_reads, &mut agent_writes),
            );
            tokio::select! {
                biased;
                Some(cut) = killed.next() => break Ended::Cut(cut),
                news = wire.next(policies, subject, shutdown) => {
                    let change = match news {
                        News::Shutdown => break Ended::Shutdown,
                        News::Policies => Change::Policies(Arc::clone(&policies.borrow_and_update())),
                        News::Subject => Change::Subject(Arc::clone(&subject.borrow_and_update())),
                    };
                    record.note(&change.note())?;
                    if let Err(cut) = standing.change(change) {
                        break Ended::Cut(cut);
                    }
                    // Not a sign of life.
                    continue;
                }
                () = &mut silence, if service.idle_timeout.is_some() => {
                    let due = last + allowed;
                    if due <= Instant::now() {
                        break Ended::Idle;
                    }
                    silence.as_mut().reset(due);
                    continue;
                }
                (way, step) = steps => match step {
                    Ok(Step::Read(bytes)) => {
                        if let Err(cut) = standing.passes(bytes.len()) {
                            break Ended::Cut(cut);
                        }
                        if service.record_bytes {
                            match way {
                                Way::Out => {
                                    record.request(seq, bytes)?;
                                    recorded.commit().await?;
                                }
                                Way::Back => {
                                    record.response(seq, bytes)?;
                                    record.keeps_up().await?;
                                }
                            }
                        }
                    }
                    Ok(Step::Other) => {}
                    Err(broken) => break way.broken(&broken),
                },
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

/// Which way bytes go.
#[derive(Clone, Copy, Debug)]
enum Way {
    Out,
    Back,
}

impl Way {
    /// How a connection ends of which an end of this direction is broken.
    fn broken(self, broken: &Broken) -> Ended {
        match (self, broken) {
            (Self::Out, Broken::Source) | (Self::Back, Broken::Sink) => Ended::ClientGone,
            (Self::Out, Broken::Sink) | (Self::Back, Broken::Source) => Ended::ServerGone,
        }
    }
}

/// The next step of either direction. None is kept waiting by the other.
async fn either<'a>(
    out: impl Future<Output = Result<Step<'a>, Broken>>,
    back: impl Future<Output = Result<Step<'a>, Broken>>,
) -> (Way, Result<Step<'a>, Broken>) {
    tokio::select! {
        step = out => (Way::Out, step),
        step = back => (Way::Back, step),
    }
}
