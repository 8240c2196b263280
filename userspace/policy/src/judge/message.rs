//! Judgement of a message: all its statements, of which the strictest verdict is the message's.

use super::DEFAULT_DENY;
use crate::{Context, Mode, Named, Policies, Request, Subject, Target, Verdict, WouldBe};

/// Who asks of what, and when: what is the same for every statement of a message.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Who.
    pub subject: &'a Subject,
    /// Of which target.
    pub target: &'a Target,
    /// When and where.
    pub context: &'a Context,
}

impl<'a> Asking<'a> {
    /// The question that one statement is.
    #[must_use]
    pub fn about(self, said: impl Into<Named<'a>>) -> Request<'a> {
        let Named { statement, names } = said.into();
        Request {
            subject: self.subject,
            target: self.target,
            statement,
            names,
            context: self.context,
        }
    }
}

impl Policies {
    /// Judges all that one message holds. A message that holds nothing is refused: that it could
    /// not be read is the only explanation.
    #[must_use]
    pub fn judge_message<'s>(
        &self,
        mode: Mode,
        asking: Asking<'_>,
        statements: impl IntoIterator<Item = impl Into<Named<'s>>>,
    ) -> Verdict {
        let mut strictest: Option<Verdict> = None;
        for statement in statements {
            let named: Named<'s> = statement.into();
            let verdict = self.judge_in(mode, &asking.about(named));
            if matches!(verdict, Verdict::Deny(_)) {
                return verdict;
            }
            strictest = Some(match (strictest, verdict) {
                // What each statement asks must be met.
                (Some(Verdict::Ask(known)), Verdict::Ask(ask)) => Verdict::Ask(known.and(ask)),
                // Among allows the first stands: each says the same of the whole.
                (Some(known), verdict) if strictness(&verdict) <= strictness(&known) => known,
                (_, verdict) => verdict,
            });
        }
        strictest.unwrap_or_else(|| {
            let message = "the message holds no statement that weir could read";
            Verdict::Deny(self.refusal(DEFAULT_DENY, message.to_owned()))
        })
    }
}

/// How strict a verdict is; the greater, the stricter. What would have stopped an observed command
/// is the stricter the less could have been done about it.
fn strictness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allow(permit) => match permit.would_be() {
            None => 0,
            Some(WouldBe::Ask(_)) => 1,
            Some(WouldBe::Deny(_)) => 2,
        },
        Verdict::Ask(_) => 3,
        Verdict::Deny(_) => 4,
    }
}
