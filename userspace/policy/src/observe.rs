//! Observing: what a workload would be refused, were its verdicts carried out.
//!
//! Job: turn a refusal of an observed workload into a [`Permit`] that says so. It is the only
//! other maker of one beside judgement, and what it makes is always marked.
//!
//! A refusal stands in spite of observing where a `forbid` with `@always` is among what decided,
//! and where the statement could not be judged at all: an `@always` might be behind that. What
//! masking demands beyond policy is the masker's to hold.

use std::sync::Arc;

use crate::{
    Ask, Clear, Lookup, Permit, Policies, Refusal, Request, Verdict,
    judge::{EVALUATION_ERROR, TOO_LARGE},
};

/// Whether verdicts are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What isn't allowed is refused.
    #[default]
    Enforce,
    /// Everything is judged and recorded; what would be refused goes on, and is marked.
    Observe,
}

/// What would have stopped a command, had its workload not only been observed.
#[derive(Clone, Debug)]
pub enum WouldBe {
    /// It would have been refused.
    Deny(Refusal),
    /// It would have waited for a human.
    Ask(Ask),
}

impl Mode {
    /// The name that configuration and listings use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

impl Policies {
    /// Judges one statement of a workload in this mode. Of an observed one, an ask or a deny comes
    /// out as a permit that is [marked](Permit::would_be), unless it [stands](crate::observe).
    #[must_use]
    pub fn judge_in(&self, mode: Mode, request: &Request<'_>) -> Verdict {
        let clear = || self.clear(request.subject, request.target, request.context);
        self.in_mode(mode, self.judge(request), clear)
    }

    /// Judges one question to the DNS of a workload in this mode, as [`judge_in`](Self::judge_in)
    /// does a statement.
    #[must_use]
    pub fn judge_lookup_in(&self, mode: Mode, lookup: &Lookup<'_>) -> Verdict {
        self.in_mode(mode, self.judge_lookup(lookup), Clear::default)
    }

    fn in_mode(&self, mode: Mode, verdict: Verdict, clear: impl FnOnce() -> Clear) -> Verdict {
        let would_be = match (mode, verdict) {
            (Mode::Enforce, verdict) | (_, verdict @ Verdict::Allow(_)) => return verdict,
            (Mode::Observe, Verdict::Ask(ask)) => WouldBe::Ask(ask),
            (Mode::Observe, Verdict::Deny(refusal)) => {
                let unjudged = [EVALUATION_ERROR, TOO_LARGE].contains(&refusal.rule.as_str());
                if unjudged || self.holds_always(&refusal) {
                    return Verdict::Deny(refusal);
                }
                WouldBe::Deny(refusal)
            }
        };
        Verdict::Allow(self.observed(would_be, clear()))
    }

    /// The permit of an observed workload's connection that is refused before policy is asked, such
    /// as one to an undeclared destination. It shows no data class clear.
    #[must_use]
    pub fn observe_unjudged(&self, rule: &str, message: String) -> Permit {
        let refusal = Refusal {
            rule: rule.to_owned(),
            message,
            deciding: Vec::new(),
            version: self.version().clone(),
        };
        self.observed(WouldBe::Deny(refusal), Clear::default())
    }

    fn observed(&self, would_be: WouldBe, clear: Clear) -> Permit {
        Permit::observed(self.version().clone(), Arc::new(would_be), clear)
    }

    fn holds_always(&self, refusal: &Refusal) -> bool {
        let mut deciding = refusal.deciding.iter();
        deciding.any(|id| self.rules.about(id).is_some_and(|rule| rule.always))
    }
}
