//! What somebody says to a request.

use weir_record::Answered;

use super::{
    error::{AnswerError, LONGEST_REASON},
    standing::MOST_MINUTES,
};

/// What somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The answer.
    pub answer: Answered,
    /// Why; a no has a reason.
    pub reason: Option<String>,
    /// The hash of what they have seen.
    pub hash: String,
}

impl Said {
    /// Whether it can be said so.
    pub(super) fn check(&self) -> Result<(), AnswerError> {
        let reason = self.reason.as_deref().map(str::trim);
        if self.answer == Answered::No && reason.is_none_or(str::is_empty) {
            return Err(AnswerError::Wrong(
                "a no has a reason: the agent is told it",
            ));
        }
        let unfit = |text: &str| text.len() > LONGEST_REASON || text.contains(char::is_control);
        if reason.is_some_and(unfit) {
            return Err(AnswerError::Wrong(
                "a reason is one line of at most 500 bytes",
            ));
        }
        if let Answered::Shape { minutes } = self.answer
            && !(1..=MOST_MINUTES).contains(&minutes)
        {
            return Err(AnswerError::Wrong(
                "a shape is approved for 1 to 240 minutes",
            ));
        }
        Ok(())
    }
}
