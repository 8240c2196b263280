//! Hold an [`Ask`] until a human says. No approver can answer yet, so every ask is refused, and
//! the refusal says who would have been asked: a command that needs a human is never let through
//! without one.

use weir_policy::{Ask, Refusal};

/// The rule that an unanswered ask is refused by.
pub const RULE: &str = "approval-required";

/// Turns an ask that nobody can answer into its refusal.
#[must_use]
pub fn unanswered(ask: &Ask) -> Refusal {
    let who = ask.describe();
    let why = ask
        .message()
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    Refusal {
        rule: RULE.to_owned(),
        message: format!("this needs the approval of {who}{why}; this weir can't ask for it yet"),
        deciding: ask.deciding().to_vec(),
        version: ask.version().clone(),
    }
}
