//! Flows of datagrams: what one socket of an agent sends to one destination, and what comes back.
//! Admitted and judged as a whole, counted and passed on as they come.
//!
//! Job: one flow, from the verdict to the record's last. Datagrams keep their borders and their
//! order, and may get lost where a network would lose them: when the agent sends faster than the
//! target's side takes.
//!
//! Not its job: to know what is said, to tell flows apart (the engine), to hold a credential.
//!
//! Known limits: a flow is its first sender's; who else sends on the same socket is not told. The
//! counts are on record when the flow ends, not before. That a target refuses datagrams (ICMP) is
//! not told to the agent, which hears nothing, as behind a filter that drops. TTL, TOS and ECN are
//! weir's own.

mod queue;
mod relay;

use std::{future::Future, io, time::Instant};

use weir_policy::Refusal;
use weir_record::{End, RecordError, SessionWriter, Status};

pub use self::queue::{Inlet, Outlet, Over, Room, queue};
use self::relay::{Counts, Ended, Ends, relay};
use super::{
    Watched,
    passing::{self, judge_of},
    standing::Standing,
};
use crate::{admit::Passage, config::Udp, upstream::udp};

/// The way back to the socket that a flow came from.
pub trait WayBack: Send + Sync {
    /// Sends one datagram there; it comes from the address that the agent sent to.
    fn send(&self, datagram: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It ended as flows do. What comes next is another.
    Over,
    /// It was refused, cut off, or could not be opened. So would be what comes next, for now.
    Refused,
}

/// Serves one admitted flow to its end, and ends its record. `sent` is what the agent sends, the
/// first datagram included.
///
/// # Errors
/// When it can't be recorded; nothing more is passed on then.
pub async fn serve<W: WayBack>(
    (sent, back): (&mut Outlet, &W),
    passage: &Passage<Udp>,
    mut record: SessionWriter,
    watched: &mut Watched,
) -> Result<Served, RecordError> {
    // 1. Judge the flow.
    record.hears(Instant::now());
    let mut judge = judge_of(passage, watched);
    let allowed = match passing::permit(&mut judge, passage) {
        Ok(permit) => permit,
        Err(Refusal { rule, message, .. }) => {
            tracing::info!(session = %record.id(), rule, message, "refused");
            record.end(&End::Refused { rule, message })?;
            return Ok(Served::Refused);
        }
    };
    // 2. Put it on record.
    let recorded = passing::intent(&mut record, allowed, passage, &judge.figures())?;
    let began = Instant::now();
    // 3. Open the target's side.
    let target = match udp::open(passage).await {
        Ok(held) => held.release(&recorded).await?,
        Err(error) => {
            let status = passing::unreachable(&record, &error);
            record.outcome(recorded.seq(), &passing::outcome(status, 0, 0, began))?;
            let message = error.to_string();
            record.end(&End::Error { message })?;
            return Ok(Served::Refused);
        }
    };
    // 4. Pass datagrams on, both ways, until an end.
    let ends = Ends {
        sent: &mut *sent,
        back,
        target,
        recorded: &recorded,
        service: passage.service(),
    };
    let standing = Standing::new(&mut judge, passage);
    let (ended, counts) = relay(ends, &mut record, watched, standing).await?;
    // 5. Record what became of it.
    record.note(&told(counts, sent.dropped()))?;
    let status = match ended {
        Ended::Idle => Status::Completed {
            tag: "idle".to_owned(),
        },
        _ => Status::Lost,
    };
    let Counts { sent, received } = counts;
    let outcome = passing::outcome(status, sent.bytes, received.bytes, began);
    record.outcome(recorded.seq(), &outcome)?;
    let served = match ended {
        // Who ended it does not want the next datagram to begin another.
        Ended::Cut(_) => Served::Refused,
        _ => Served::Over,
    };
    record.end(&match ended {
        Ended::Idle => End::Idle,
        Ended::ClientGone => End::ClientGone,
        Ended::Shutdown => End::Shutdown,
        Ended::Cut(cut) => cut.end(),
    })?;
    Ok(served)
}

/// How many datagrams there were, for a person.
fn told(counts: Counts, dropped: u64) -> String {
    let Counts { sent, received } = counts;
    let mut told = format!(
        "{} datagrams sent, {} received",
        sent.datagrams, received.datagrams
    );
    let lost = dropped + sent.failed + received.failed;
    if lost > 0 {
        told.push_str(&format!(", {lost} lost in weir"));
    }
    told
}
