//! What stays readable of an encrypted record: enough to find the session and to tell of it, for whom
//! it was not encrypted to.
//!
//! The outline has every event, in order, without what the agent said, saw or was told: no statement's
//! text, no values, no results, no settings, no command line, no message of the target or of an error,
//! no note, no reason that a person gave for an answer. What stays is who connected to what, which
//! verbs and tables a command names, how it was judged by which policies, how many rows and bytes came
//! of it when, and how the session ended. `FORMAT.md` has the table.
//!
//! Known limits: names of tables and databases stay readable. Of a session whose writer was stopped
//! the last 256 frames may be missing here.

use serde_json::Error;

use crate::{
    Approval, End, Event, Outcome, Process, RecordError, SessionStart, Status,
    borrowed::{EventRef, IntentRef, Statements, VerdictRef},
};

/// More than this doesn't wait for a checkpoint.
const LONG: usize = 256 << 10;
/// The most of one event. What is longer is told without what it names.
const MOST: usize = 1 << 20;

/// What was noted and is not told yet: a JSON array of `[time, event]`, but for its end.
#[derive(Debug, Default)]
pub(crate) struct Outline(Vec<u8>);

impl Outline {
    /// Notes an event.
    pub(crate) fn add(&mut self, at: i64, event: &EventRef<'_>) -> Result<(), RecordError> {
        let before = self.0.len();
        self.push(at, event, true)
            .and_then(|()| {
                if self.0.len() - before > MOST {
                    self.0.truncate(before);
                    self.push(at, event, false)?;
                }
                Ok(())
            })
            .map_err(|source| RecordError::Encode { source })
    }

    /// Whether it should be told by now.
    pub(crate) fn is_long(&self) -> bool {
        self.0.len() > LONG
    }

    /// What is to be told; nothing where nothing was noted.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let mut json = std::mem::take(&mut self.0);
        if json.is_empty() {
            return None;
        }
        json.push(b']');
        Some(json)
    }

    fn push(&mut self, at: i64, event: &EventRef<'_>, names: bool) -> Result<(), Error> {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        outlined(event, names, |event| {
            serde_json::to_writer(&mut self.0, &(at, event))
        })
    }
}

/// The events of an outline.
pub(crate) fn parse(json: &[u8]) -> Result<Vec<(i64, Event)>, Error> {
    serde_json::from_slice(json)
}

/// Hands on what is to stay readable of an event.
fn outlined(
    event: &EventRef<'_>,
    names: bool,
    tell: impl FnOnce(&EventRef<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    match event {
        EventRef::Start(start) => tell(&EventRef::Start(&SessionStart {
            process: without_arguments(&start.process),
            ..(*start).clone()
        })),
        EventRef::Opened { database, user, .. } => tell(&EventRef::Opened {
            database,
            user,
            settings: &[].into(),
        }),
        EventRef::Process(process) => tell(&EventRef::Process(&without_arguments(process))),
        EventRef::Intent(intent) => {
            let would_be = would_be(&intent.verdict);
            tell(&EventRef::Intent(IntentRef {
                text: "",
                parameters: &[],
                statements: match intent.statements {
                    Statements::Whole(all) if names => Statements::Outlined(all.list()),
                    Statements::Outlined(all) if names => Statements::Outlined(all),
                    _ => Statements::Outlined(&[]),
                },
                verdict: without_reasons(&intent.verdict, would_be.as_ref()),
                ..*intent
            }))
        }
        EventRef::Approval { seq, at, approval } => tell(&EventRef::Approval {
            seq: *seq,
            at: *at,
            approval: &without_reason(approval),
        }),
        EventRef::Outcome { seq, outcome } => tell(&EventRef::Outcome {
            seq: *seq,
            outcome: &without_message(outcome),
        }),
        EventRef::Note { .. } => tell(&EventRef::Note { message: "" }),
        EventRef::End(end) => tell(&EventRef::End(&without_words(end))),
    }
}

fn without_arguments(process: &Process) -> Process {
    Process {
        arguments: Vec::new(),
        arguments_cut: process.arguments_cut || !process.arguments.is_empty(),
        ..process.clone()
    }
}

fn without_reason(approval: &Approval) -> Approval {
    let mut approval = approval.clone();
    if let Approval::Answered { reason, .. } = &mut approval {
        *reason = None;
    }
    approval
}

fn without_message(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    if let Status::Failed { message, .. } = &mut outcome.status {
        message.clear();
    }
    outcome
}

/// What would have stopped a command that goes on, if anything would.
fn would_be<'a>(verdict: &VerdictRef<'a>) -> Option<VerdictRef<'a>> {
    match verdict {
        VerdictRef::Allow {
            would_be: Some(would_be),
            ..
        } => Some(without_reasons(would_be, None)),
        _ => None,
    }
}

/// The policies that decided stay; what they say of it may quote what was asked, as of a name that
/// may not be looked up.
fn without_reasons<'a>(
    verdict: &VerdictRef<'a>,
    stopped: Option<&'a VerdictRef<'a>>,
) -> VerdictRef<'a> {
    match verdict.clone() {
        VerdictRef::Deny { rule, policies, .. } => VerdictRef::Deny {
            rule,
            message: "",
            policies,
        },
        VerdictRef::Ask {
            approvers,
            policies,
            ..
        } => VerdictRef::Ask {
            approvers,
            message: None,
            policies,
        },
        VerdictRef::Allow {
            policies,
            approved_by,
            only_prepares,
            ..
        } => VerdictRef::Allow {
            policies,
            would_be: stopped,
            approved_by,
            only_prepares,
        },
    }
}

/// Rules and who ended it stay.
fn without_words(end: &End) -> End {
    match end {
        End::Refused { rule, .. } => End::Refused {
            rule: rule.clone(),
            message: String::new(),
        },
        End::PolicyChanged { rule, .. } => End::PolicyChanged {
            rule: rule.clone(),
            message: String::new(),
        },
        End::Error { .. } => End::Error {
            message: String::new(),
        },
        End::ProtocolError { side, .. } => End::ProtocolError {
            side: *side,
            message: String::new(),
        },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
