//! Which of a session's bytes may be moved, and their moving: whatever can be in one poll.
//!
//! What comes from neither side, and hardly ever, is looked at only where nothing was moved.

use std::task::{Context, Poll};

use tokio::time::sleep;
use weir_record::RecordError;

use super::{
    drive::{HIGH_WATER, STALLED, Surroundings},
    end::End,
    governed::Governed,
    waiting::{Waiting, Word},
};
use crate::session::news::{News, Wire};

/// What became of a wait.
pub(super) enum Went {
    /// Bytes were moved, so there may be something to do.
    Moved,
    /// The agent takes nothing more.
    AgentGone,
    /// The disk has what was waited for.
    Kept(Result<(), RecordError>),
    /// What people said.
    Word(Word),
    /// Something else is new.
    News(News),
}

/// Which bytes may be moved.
#[derive(Clone, Copy)]
pub(super) struct Flows {
    /// The disk is behind.
    pub(super) lags: bool,
    /// A message waits, and none behind it is taken.
    pub(super) deaf: bool,
    /// A message waits.
    pub(super) waits: bool,
    /// The agent has said goodbye.
    pub(super) leaving: bool,
}

impl Flows {
    /// Moves what can be moved now. Ready where the session has something to do by it: a write alone
    /// gives it nothing, unless somebody waits for room or for the end.
    pub(super) fn poll_move(
        self,
        cx: &mut Context<'_>,
        session: &mut Governed,
        agent: &mut End,
        target: &mut End,
    ) -> Poll<Went> {
        // As it stands before anything leaves: what was read and could not be taken is taken first.
        let (told, asked) = (session.shown.len(), session.sink.len());
        let (told, asked) = (told >= HIGH_WATER, asked >= HIGH_WATER);
        let full = told || asked;
        let mut moved = false;
        while agent.is_unflushed() || !session.shown.pending().is_empty() {
            match agent.poll_drain(cx, session.shown.pending()) {
                Poll::Ready(Ok(count)) => session.shown.written(count),
                Poll::Ready(Err(_)) => return Poll::Ready(Went::AgentGone),
                Poll::Pending => break,
            }
            moved |= self.leaving || full || agent.closed || target.closed;
        }
        let listens = !target.closed && !self.lags && session.shown.len() < HIGH_WATER;
        while !target.closed && (target.is_unflushed() || !session.sink.pending().is_empty()) {
            match target.poll_drain(cx, session.sink.pending()) {
                Poll::Ready(Ok(count)) => session.sink.written(count),
                // What it still has to say comes first.
                Poll::Ready(Err(_)) => {
                    target.closed = !listens;
                    moved = true;
                    break;
                }
                Poll::Pending => break,
            }
            moved |= self.leaving || full || agent.closed;
        }
        let room = agent.received.len().max(session.sink.len()) < HIGH_WATER;
        let hears = !self.deaf
            && !agent.closed
            && !self.lags
            && (!self.waits || room)
            && session.sink.len() < HIGH_WATER;
        moved |= hears && !asked && agent.poll_fill(cx).is_ready();
        moved |= listens && !told && target.poll_fill(cx).is_ready();
        if moved {
            Poll::Ready(Went::Moved)
        } else {
            Poll::Pending
        }
    }
}

/// Resolves with what comes from neither side.
pub(super) async fn elsewhere(
    waiting: &mut Option<Waiting>,
    wire: &mut Wire,
    around: &Surroundings<'_>,
) -> Went {
    let for_people = Waiting::waits_for_people(waiting.as_ref());
    let stalls = waiting.is_some() && !for_people;
    tokio::select! {
        biased;
        news = wire.next(&around.policies, &around.subject, &around.shutdown) => Went::News(news),
        word = Waiting::word(waiting), if for_people => Went::Word(word),
        // It is looked at again then; without this nothing would come to look.
        () = sleep(STALLED), if stalls => Went::Moved,
    }
}
