//! The resolvers that weir asks, one after the other until one answers.
//!
//! Job: put a question that is on record as allowed to the resolvers, the one that answered last
//! first; what is no sound answer counts as none. Not its job: deciding what may be asked,
//! remembering answers.
//!
//! Limits: EDNS is always spoken; a server from before it, which answers FORMERR, counts as failed.

mod exchange;
mod sent;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustls::crypto::ring;
use tokio::time::{Instant, timeout_at};
use weir_record::{RecordError, RecordedPermit};

use self::{exchange::Reply, sent::Sent};
use super::{found::Found, question::Question};

/// Most tries for one question.
const MOST_TRIES: usize = 6;
/// How long all tries may take: less than the five seconds after which clients give up.
const PATIENCE: Duration = Duration::from_millis(4500);

/// The resolvers.
#[derive(Debug)]
pub(super) struct Upstreams {
    servers: Vec<SocketAddr>,
    /// How long one try may take.
    patience: Duration,
    /// The one that is asked first.
    first: AtomicUsize,
}

/// No resolver answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("there is no resolver to ask")]
    NoResolver,
    #[error("the question can't be written: {0}")]
    Unwritable(hickory_proto::ProtoError),
    #[error("it is not safely on record: {0}")]
    Unrecorded(RecordError),
    #[error("the system gives no random numbers")]
    NoRandomness,
    #[error("no resolver answered; {server}: {last}")]
    Failed { server: SocketAddr, last: Failure },
}

/// Why one resolver's answer is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer in time")]
    TimedOut,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("an answer that can't be used: {0}")]
    Unsound(&'static str),
    #[error("it says {0}")]
    Code(String),
}

impl Upstreams {
    /// Resolvers in the order in which they are asked.
    pub(super) fn new(servers: Vec<SocketAddr>, patience: Duration) -> Self {
        Self {
            servers,
            patience,
            first: AtomicUsize::new(0),
        }
    }

    /// Asks. Only what is on record as allowed is asked, once that is as durable as is demanded.
    pub(super) async fn ask(
        &self,
        allowed: &RecordedPermit,
        question: &Question,
    ) -> Result<Found, Unanswered> {
        allowed.commit().await.map_err(Unanswered::Unrecorded)?;
        let deadline = Instant::now() + PATIENCE;
        let first = self.first.load(Ordering::Relaxed);
        let count = self.servers.len();
        let mut failed = Unanswered::NoResolver;
        // Each twice, since a datagram may get lost.
        let tries = count.saturating_mul(2).min(MOST_TRIES.max(count));
        for place in (first..).take(tries) {
            let Some(server) = place.checked_rem(count).and_then(|at| self.servers.get(at)) else {
                break;
            };
            let until = deadline.min(Instant::now() + self.patience);
            match self.one(*server, question, until).await? {
                Ok(found) => {
                    self.first.store(place % count, Ordering::Relaxed);
                    return Ok(found);
                }
                Err(last) => {
                    tracing::debug!(%server, error = %last, "a resolver failed");
                    failed = Unanswered::Failed {
                        server: *server,
                        last,
                    };
                }
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(failed)
    }

    async fn one(
        &self,
        server: SocketAddr,
        question: &Question,
        until: Instant,
    ) -> Result<Result<Found, Failure>, Unanswered> {
        let sent = Sent::new(question, random_id()?).map_err(Unanswered::Unwritable)?;
        let by_datagram = timeout_at(until, exchange::by_datagram(server, &sent)).await;
        Ok(match by_datagram {
            Err(_) => Err(Failure::TimedOut),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(Reply::Found(found))) => Ok(*found),
            Ok(Ok(Reply::Truncated)) => {
                let until = Instant::now() + self.patience;
                timeout_at(until, exchange::by_stream(server, &sent))
                    .await
                    .unwrap_or(Err(Failure::TimedOut))
            }
        })
    }
}

impl fmt::Display for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, server) in self.servers.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { ", " })?;
            server.fmt(f)?;
        }
        Ok(())
    }
}

/// An id that nobody can guess: it, and the port, are what a forged answer would have to hit.
fn random_id() -> Result<u16, Unanswered> {
    let mut bytes = [0; 2];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| Unanswered::NoRandomness)?;
    Ok(u16::from_be_bytes(bytes))
}
