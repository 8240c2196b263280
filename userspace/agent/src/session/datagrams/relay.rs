//! Passes the datagrams of a flow on, both ways in one task, until something ends it.

use std::{io, pin::pin};

use tokio::{
    net::UdpSocket,
    time::{Instant, sleep_until},
};
use weir_record::{RecordError, RecordedPermit, Seq, SessionWriter};

use super::{Outlet, WayBack};
use crate::{
    config::Udp,
    session::{Change, Cut, Watched, standing::Standing},
};

/// Longer than any datagram can be.
const LONGEST: usize = 64 * 1024;

/// The two ends, and the proof that they may be joined.
pub(super) struct Ends<'a, W> {
    pub sent: &'a mut Outlet,
    pub back: &'a W,
    pub target: UdpSocket,
    pub recorded: &'a RecordedPermit,
    pub service: &'a Udp,
}

/// What went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub datagrams: u64,
    pub bytes: u64,
    /// Which the sockets did not take.
    pub failed: u64,
}

/// What went both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// From the agent to the target.
    pub sent: Passed,
    /// From the target to the agent.
    pub received: Passed,
}

/// How a flow came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody said anything for a time, which is how a flow ends that has no words for it.
    Idle,
    /// The agent's port is somebody else's now.
    ClientGone,
    /// The engine stops.
    Shutdown,
    /// It was ended from outside, or may not go on.
    Cut(Cut),
}

impl Passed {
    fn count(&mut self, bytes: usize, done: io::Result<()>) {
        match done {
            Ok(()) => {
                self.datagrams += 1;
                self.bytes += u64::try_from(bytes).unwrap_or(0);
            }
            Err(error) => {
                tracing::debug!(%error, "a datagram was not passed on");
                self.failed += 1;
            }
        }
    }
}

/// Passes datagrams on until an end, or until the flow may not go on.
///
/// # Errors
/// When what was read can't be recorded; it is not passed on then.
pub(super) async fn relay<W: WayBack>(
    ends: Ends<'_, W>,
    record: &mut SessionWriter,
    watched: &mut Watched,
    mut standing: Standing<'_, Udp>,
) -> Result<(Ended, Counts), RecordError> {
    let Ends {
        sent,
        back,
        target,
        recorded,
        service,
    } = ends;
    let seq: Seq = recorded.seq();
    let mut counts = Counts::default();
    let mut buffer = vec![0; LONGEST];
    let mut silence = pin!(sleep_until(Instant::now() + service.idle_timeout));
    let ended = loop {
        tokio::select! {
            Ok(()) = watched.shutdown.changed() => break Ended::Shutdown,
            killed = watched.killed.killed() => break Ended::Cut(killed),
            change = Change::next(&mut watched.policies, &mut watched.subject) => {
                record.note(&change.note())?;
                if let Err(cut) = standing.change(change) {
                    break Ended::Cut(cut);
                }
                // Not a sign of life.
                continue;
            }
            () = &mut silence, if sent.is_empty() => break Ended::Idle,
            datagram = sent.next() => {
                let Some(datagram) = datagram else { break Ended::ClientGone };
                if let Err(cut) = standing.passes(datagram.len()) {
                    break Ended::Cut(cut);
                }
                if service.record_bytes {
                    record.request(seq, &datagram)?;
                    recorded.commit().await?;
                }
                let done = target.send(&datagram).await;
                counts.sent.count(datagram.len(), done.map(drop));
            }
            answer = target.recv(&mut buffer) => match answer {
                Ok(length) => {
                    let answer = buffer.get(..length).unwrap_or_default();
                    if let Err(cut) = standing.passes(length) {
                        break Ended::Cut(cut);
                    }
                    if service.record_bytes {
                        record.response(seq, answer)?;
                        record.keeps_up().await?;
                    }
                    let done = back.send(answer).await;
                    counts.received.count(length, done);
                }
                // That an earlier datagram did not arrive: what is sent next may.
                Err(error) => {
                    tracing::debug!(%error, "the target's side");
                    continue;
                }
            },
        }
        silence
            .as_mut()
            .reset(Instant::now() + service.idle_timeout);
    };
    Ok((ended, counts))
}
