//! How what wasn't approved reads to the agent, and in the record.

use weir_policy::{Ask, Refusal};
use weir_record::Settled;

use super::hold::Settlement;

/// The rule that an ask is refused by which can't be held.
pub const RULE: &str = "approval-required";
/// The rule of what people have denied.
pub const DENIED: &str = "approval-denied";
/// What the rules of all that wasn't approved begin with.
pub const RULES: &str = "approval-";

/// The refusal of what can't be held, and why it can't be.
#[must_use]
pub fn not_asked(ask: &Ask, why: &str) -> Refusal {
    let message = format!(
        "this needs the approval of {}{}; {why}",
        ask.describe(),
        because(ask)
    );
    refusal(ask, RULE, message)
}

/// What is never held for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheld {
    /// A question to the DNS: who asks one gives up within seconds.
    Lookup,
    /// A flow of datagrams: nothing keeps them meanwhile.
    Datagrams,
    /// A connection that stands while other policies come into force.
    Standing,
    /// What goes on with a result that is being sent.
    Midway,
    /// What an observed workload does.
    Observed,
    /// Anything where there is no API to answer by.
    NoApi,
}

/// The refusal of what is never held.
#[must_use]
pub fn unheld(ask: &Ask, what: Unheld) -> Refusal {
    let why = match what {
        Unheld::Lookup => "questions to the DNS are never held for people",
        Unheld::Datagrams => "datagrams are never held for people",
        Unheld::Standing => "a connection that stands is not held: connect again",
        Unheld::Midway => "what is under way is not held: send it anew",
        Unheld::Observed => "nobody is asked about what is only observed",
        Unheld::NoApi => "nobody can answer here",
    };
    not_asked(ask, why)
}

/// The refusal of what was asked and not approved.
#[must_use]
pub fn settled(ask: &Ask, settlement: &Settlement) -> Refusal {
    let who = ask.describe();
    let (rule, message) = match settlement.how {
        Settled::Denied => {
            let no = settlement.given.last();
            let by = no.map_or("somebody", |given| {
                given.name.as_deref().unwrap_or(&given.by)
            });
            let why = no
                .and_then(|given| given.reason.as_deref())
                .map_or_else(String::new, |reason| format!(": {reason}"));
            (DENIED, format!("{by} has denied this{why}"))
        }
        Settled::TimedOut => {
            let message = format!("{who} did not answer in time{}", because(ask));
            ("approval-timed-out", message)
        }
        Settled::Cancelled => {
            let message = format!("cancelled while it waited for the approval of {who}");
            ("approval-cancelled", message)
        }
        Settled::GaveUp => {
            let message =
                format!("the agent went away while this waited for the approval of {who}");
            ("approval-given-up", message)
        }
        Settled::Shutdown => {
            let message = format!("weir was stopped while this waited for the approval of {who}");
            ("approval-interrupted", message)
        }
        // Approved, and yet here: what was approved is not what would be forwarded now.
        Settled::Approved
        | Settled::PolicyChanged
        | Settled::NotAsked
        | Settled::Restarted
        | Settled::SessionEnded => (
            "approval-interrupted",
            format!("this still needs the approval of {who}{}", because(ask)),
        ),
    };
    refusal(ask, rule, message)
}

fn because(ask: &Ask) -> String {
    ask.message()
        .map(|message| format!(": {message}"))
        .unwrap_or_default()
}

fn refusal(ask: &Ask, rule: &str, message: String) -> Refusal {
    Refusal {
        rule: rule.to_owned(),
        message,
        deciding: ask.deciding().to_vec(),
        version: ask.version().clone(),
    }
}
