//! Opaque connections: admitted and judged as a whole, their bytes counted and passed on as they
//! come.
//!
//! Job: one connection, from the verdict to the record's last. Weir adds nothing, and ends with a
//! reset what it ends itself, so that neither side takes a torn stream for a whole one.
//!
//! Not its job: to know what is said (nothing is masked, nothing refused in it), to hold a
//! credential, to speak TLS.
//!
//! Known limits: the counts are on record when the connection ends, not before. An agent that
//! resets its connection while the target takes nothing is noticed when the target takes again, or
//! by the idle timeout.

mod copy;
mod flow;
mod resets;

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{io::Interest, net::TcpStream, time::sleep};
use weir_policy::{Refusal, Verdict};
use weir_record::{End, RecordError, SessionWriter, Status};
use weir_uring::Stream;

use self::copy::{Copied, Ended, Ways, copy};
use super::{
    Watched,
    asked::{self, Waited},
    judge::connect,
    passing::{self, judge_of},
    standing::Standing,
};
use crate::{admit::Passage, upstream::tcp};

/// Serves one admitted connection to its end, and ends its record.
///
/// # Errors
/// When it can't be recorded; it is closed then.
pub async fn serve(
    agent: TcpStream,
    passage: Passage,
    mut record: SessionWriter,
    mut watched: Watched,
) -> Result<(), RecordError> {
    resets::on(&agent);
    // 1. Judge the connection.
    record.hears(Instant::now());
    let mut judge = judge_of(&passage, &mut watched);
    let waited = match passing::verdict(&mut judge, &passage) {
        Verdict::Allow(permit) => Waited::Permitted(permit),
        Verdict::Deny(refusal) => Waited::Refused(refusal),
        Verdict::Ask(ask) => {
            let opening = asked::Opening {
                ask,
                text: passing::text(&passage),
                statements: &[connect()],
            };
            let gone = gone(&agent);
            let waited = asked::opening(opening, &mut judge, &mut record, &mut watched, gone);
            // Few wait; the many shouldn't carry room for it.
            Box::pin(waited).await?
        }
    };
    let permit = match waited {
        Waited::Permitted(permit) => permit,
        Waited::Refused(Refusal { rule, message, .. }) => {
            tracing::info!(session = %record.id(), rule, message, "refused");
            return record.end(&End::Refused { rule, message });
        }
        Waited::Over(over) => return record.end(&over.end()),
    };
    // 2. Put it on record.
    let recorded = passing::intent(&mut record, permit, &passage, &judge.figures())?;
    let began = Instant::now();
    // 3. Dial.
    let opened = tokio::select! {
        opened = tcp::open(&passage) => opened,
        killed = watched.killed.killed() => {
            record.outcome(recorded.seq(), &passing::outcome(Status::Lost, 0, 0, began))?;
            return record.end(&killed.end());
        }
    };
    record.dialled(began, opened.is_ok());
    let target = match opened {
        Ok(held) => held.release(&recorded).await?,
        Err(error) => {
            let status = passing::unreachable(&record, &error);
            record.outcome(recorded.seq(), &passing::outcome(status, 0, 0, began))?;
            let message = error.to_string();
            return record.end(&End::Error { message });
        }
    };
    resets::on(&target);
    // 4. Pass bytes on, both ways, until an end.
    let ends = onto_ring(agent).and_then(|agent| Ok((agent, onto_ring(target)?)));
    let (agent, target) = match ends {
        Ok(ends) => ends,
        Err(error) => {
            record.outcome(recorded.seq(), &passing::outcome(Status::Lost, 0, 0, began))?;
            let message = format!("the connections can't be joined: {error}");
            return record.end(&End::Error { message });
        }
    };
    let ways = Ways {
        agent,
        target,
        recorded: &recorded,
        service: passage.service(),
    };
    let standing = Standing::new(&mut judge, &passage);
    let (ended, copied) = copy(ways, &mut record, &mut watched, standing).await?;
    // 5. Record what became of it.
    let status = match ended {
        Ended::Closed => Status::Completed {
            tag: "closed".to_owned(),
        },
        _ => Status::Lost,
    };
    let Copied { sent, received } = copied;
    let outcome = passing::outcome(status, sent, received, began);
    record.outcome(recorded.seq(), &outcome)?;
    record.end(&match ended {
        Ended::Closed => End::Closed,
        Ended::ClientGone => End::ClientGone,
        Ended::ServerGone => End::ServerGone,
        Ended::Idle => End::Idle,
        Ended::Shutdown => End::Shutdown,
        Ended::Cut(cut) => cut.end(),
    })
}

fn onto_ring(socket: TcpStream) -> io::Result<Stream> {
    Stream::of(socket).onto_ring()
}

/// Resolves when the agent has closed its side, whatever it has said before.
async fn gone(agent: &TcpStream) {
    /// How often is looked while what it has said waits to be read.
    const LOOKS: Duration = Duration::from_millis(500);
    loop {
        match agent.ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => sleep(LOOKS).await,
            _ => return,
        }
    }
}
