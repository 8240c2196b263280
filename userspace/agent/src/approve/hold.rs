//! What a session waits on.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use weir_policy::{Answer, Ask};
use weir_record::Settled;

use super::{
    registry::Approvals,
    request::{Given, Request},
};

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    /// Yeses that stand are enough.
    Granted(Vec<Answer>),
    /// People must be waited for.
    Held(Hold),
}

/// How a request was settled.
#[derive(Debug)]
pub struct Settlement {
    /// How.
    pub how: Settled,
    /// What was said.
    pub given: Vec<Given>,
    /// The answers, where they were enough; [`Ask::granted`] looks at them again.
    pub answers: Vec<Answer>,
}

/// A request that waits, from the side of whoever asked. Dropped, the request is over.
#[derive(Debug)]
pub struct Hold {
    approvals: Approvals,
    id: String,
    settled: oneshot::Receiver<Settlement>,
    deadline: Instant,
    over: bool,
}

impl Hold {
    pub(super) fn new(
        approvals: Approvals,
        id: String,
        settled: oneshot::Receiver<Settlement>,
        deadline: Instant,
    ) -> Self {
        Self {
            approvals,
            id,
            settled,
            deadline,
            over: false,
        }
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What whoever may answer types for a yes.
    #[must_use]
    pub fn command(&self) -> String {
        self.approvals.command("approve", &self.id)
    }

    /// How long it still waits.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The request as it stands.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        self.approvals.find(&self.id)
    }

    /// Waits until it is settled by people or by time. Safe to cancel.
    pub async fn wait(&mut self) -> Settlement {
        tokio::select! {
            settled = &mut self.settled => {
                self.over = true;
                settled.unwrap_or_else(|_| nothing_said(Settled::Shutdown))
            }
            () = sleep_until(self.deadline) => self.settle(Settled::TimedOut),
        }
    }

    /// Settles it now, unless an answer did already: then that is what comes of it.
    #[must_use]
    pub fn end(&mut self, how: Settled) -> Settlement {
        self.settle(how)
    }

    /// Asks anew under another policy: what was said until now was said to another question.
    pub fn renew(&self, ask: Ask) {
        self.approvals.renew(&self.id, ask);
    }

    fn settle(&mut self, how: Settled) -> Settlement {
        self.over = true;
        if let Some(settlement) = self.approvals.settle(&self.id, how) {
            return settlement;
        }
        // Somebody was first, and their word is on its way or here.
        self.settled
            .try_recv()
            .unwrap_or_else(|_| nothing_said(how))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.over {
            drop(self.settle(Settled::SessionEnded));
        }
    }
}

fn nothing_said(how: Settled) -> Settlement {
    Settlement {
        how,
        given: Vec::new(),
        answers: Vec::new(),
    }
}
