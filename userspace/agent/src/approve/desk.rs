//! Where one session asks.

use std::sync::Arc;

use bytes::Bytes;
use weir_command::Statement;
use weir_policy::{Ask, Matter, Subject, Target};
use weir_record::{Seq, SessionStart};

use super::{
    error::NotAsked,
    hold::Asked,
    registry::Approvals,
    request::{Rows, Who},
};

/// Asks on behalf of one session; with it ends what stands for the session.
#[derive(Debug)]
pub struct Desk {
    approvals: Approvals,
    session: String,
    who: Arc<Who>,
}

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// By policy.
    pub ask: &'a Ask,
    /// The number under which it is on record.
    pub seq: Seq,
    /// By whom.
    pub subject: &'a Subject,
    /// Of which target.
    pub target: &'a Target,
    /// The command, byte by byte.
    pub text: &'a Bytes,
    /// What comes beside it, byte by byte.
    pub parameters: &'a Bytes,
    /// The same for people.
    pub shown_parameters: &'a [Option<String>],
    /// What weir read in it.
    pub statements: &'a [Statement],
    /// What it runs by name, as text.
    pub runs: &'a [String],
    /// Its shape, where a yes may be given to that.
    pub shape: Option<String>,
    /// The rows that it would touch.
    pub rows: Option<Rows>,
}

/// A matter that outlives the message it came in.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) request: String,
    pub(super) session: String,
    pub(super) subject: Subject,
    pub(super) target: Target,
    pub(super) text: Bytes,
    pub(super) parameters: Bytes,
    pub(super) shape: Option<String>,
}

impl Kept {
    pub(super) fn matter(&self) -> Matter<'_> {
        Matter {
            request: &self.request,
            session: &self.session,
            subject: &self.subject,
            target: &self.target,
            text: &self.text,
            parameters: &self.parameters,
            shape: self.shape.as_deref(),
        }
    }
}

impl Desk {
    /// The desk of a session that begins.
    #[must_use]
    pub fn new(approvals: Approvals, start: &SessionStart) -> Self {
        Self {
            approvals,
            session: start.id.to_string(),
            who: Arc::new(Who::of(start)),
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// When it can't be asked: too much waits, it is too long to be shown whole, or it can't be put
    /// on record.
    pub fn ask(&self, question: &Question<'_>) -> Result<Asked, NotAsked> {
        let kept = Kept {
            request: self.id(question.seq),
            session: self.session.clone(),
            subject: question.subject.clone(),
            target: question.target.clone(),
            text: question.text.clone(),
            parameters: question.parameters.clone(),
            shape: question.shape.clone(),
        };
        self.approvals.ask(&self.who, kept, question)
    }

    /// The id of the request that a command of this number would be.
    #[must_use]
    pub fn id(&self, seq: Seq) -> String {
        format!("{}#{seq}", self.session)
    }

    /// The session's id.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.approvals.session_ended(&self.session);
    }
}
