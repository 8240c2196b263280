//! What the record says of a command that waits for people, and the wait of an opening for them.
//!
//! An opening waits before anything is dialled. Nobody can be told yet what it waits for: no
//! protocol has words for that before a login.

use std::{future::Future, pin::pin};

use bytes::Bytes;
use weir_command::Statement;
use weir_policy::{Answer, Ask, Matter, Permit, Refusal, Verdict};
use weir_record::{Approval, CommandText, End, RecordError, Seq, SessionWriter, Settled};

use super::{Change, Cut, Watched, judge::Judge};
use crate::approve::{self, Asked, Hold, Question, Rows, Settlement, Unheld};

/// What comes of an opening that asks.
pub(super) enum Waited {
    /// It may be opened.
    Permitted(Permit),
    /// It may not.
    Refused(Refusal),
    /// Nobody waits for it any more.
    Over(Over),
}

/// Why nobody waits for it any more.
pub(super) enum Over {
    /// The agent went away.
    ClientGone,
    /// The engine stops.
    Shutdown,
    /// It was ended from outside.
    Cut(Cut),
}

impl Over {
    /// As the record has it.
    pub(super) fn end(self) -> End {
        match self {
            Self::ClientGone => End::ClientGone,
            Self::Shutdown => End::Shutdown,
            Self::Cut(cut) => cut.end(),
        }
    }
}

/// What is to be opened.
pub(super) struct Opening<'a> {
    /// By policy.
    pub ask: Ask,
    /// In words.
    pub text: String,
    /// As it is judged.
    pub statements: &'a [Statement],
}

/// Puts on record that people are asked, under the number that the command has there.
pub(super) fn on_record(
    record: &mut SessionWriter,
    ask: &Ask,
    command: CommandText<'_>,
    hold: &Hold,
    rows: Option<&Rows>,
) -> Result<Seq, RecordError> {
    let seq = record.asked(ask, command)?;
    let rows_estimated = match rows {
        Some(Rows::Estimated(rows)) => Some(*rows),
        Some(Rows::Unknown(_)) | None => None,
    };
    let approval = Approval::Asked {
        request: hold.id().to_owned(),
        of: ask.describe(),
        wait_seconds: hold.left().as_secs(),
        rows_estimated,
    };
    record.approval(seq, &approval)?;
    Ok(seq)
}

/// Puts on record what was said, and what became of it.
pub(super) fn settled_on_record(
    record: &mut SessionWriter,
    seq: Seq,
    settlement: &Settlement,
) -> Result<(), RecordError> {
    for given in &settlement.given {
        let answered = Approval::Answered {
            by: given.by.clone(),
            name: given.name.clone(),
            answer: given.answer,
            reason: given.reason.clone(),
        };
        record.approval(seq, &answered)?;
    }
    let how = settlement.how;
    record.approval(seq, &Approval::Settled { how })
}

/// Waits for people to let something be opened, until `gone` says that nobody wants it any more.
pub(super) async fn opening(
    opening: Opening<'_>,
    judge: &mut Judge,
    record: &mut SessionWriter,
    watched: &mut Watched,
    gone: impl Future<Output = ()>,
) -> Result<Waited, RecordError> {
    let statements = opening.statements;
    let waited = wait(opening, judge, record, watched, gone).await?;
    match &waited {
        Waited::Permitted(_) => judge.count_opened(statements, Ok(())),
        Waited::Refused(refusal) => judge.count_opened(statements, Err(refusal)),
        Waited::Over(_) => {}
    }
    Ok(waited)
}

async fn wait(
    opening: Opening<'_>,
    judge: &mut Judge,
    record: &mut SessionWriter,
    watched: &mut Watched,
    gone: impl Future<Output = ()>,
) -> Result<Waited, RecordError> {
    let Opening {
        mut ask,
        text,
        statements,
    } = opening;
    let text = Bytes::from(text);
    let nothing = Bytes::new();
    let Some(desk) = &watched.approvals else {
        return Ok(Waited::Refused(approve::unheld(&ask, Unheld::NoApi)));
    };
    let asked = desk.ask(&Question {
        ask: &ask,
        seq: record.next(),
        subject: judge.subject(),
        target: judge.target(),
        text: &text,
        parameters: &nothing,
        shown_parameters: &[],
        statements,
        runs: &[],
        shape: None,
        rows: None,
    });
    let mut hold = match asked {
        Ok(Asked::Granted(answers)) => {
            let granted = permit(&ask, judge, (record.id().to_string(), ""), &text, &answers);
            return Ok(granted.map_or_else(Waited::Refused, Waited::Permitted));
        }
        Ok(Asked::Held(hold)) => hold,
        Err(error) => {
            return Ok(Waited::Refused(approve::not_asked(
                &ask,
                &error.to_string(),
            )));
        }
    };
    let command = CommandText {
        text: &String::from_utf8_lossy(&text),
        parameters: &[],
        statements: statements.into(),
        signals: &judge.figures(),
    };
    let seq = on_record(record, &ask, command, &hold, None)?;
    let mut gone = pin!(gone);
    loop {
        let (how, over) = tokio::select! {
            settlement = hold.wait() => {
                settled_on_record(record, seq, &settlement)?;
                let id = hold.id().to_owned();
                return Ok(if settlement.how == Settled::Approved {
                    let session = record.id().to_string();
                    let granted = permit(&ask, judge, (session, &id), &text, &settlement.answers);
                    granted.map_or_else(Waited::Refused, Waited::Permitted)
                } else {
                    Waited::Refused(approve::settled(&ask, &settlement))
                });
            }
            () = &mut gone => (Settled::GaveUp, Over::ClientGone),
            killed = watched.killed.killed() => (Settled::SessionEnded, Over::Cut(killed)),
            Ok(()) = watched.shutdown.changed() => (Settled::Shutdown, Over::Shutdown),
            change = Change::next(&mut watched.policies, &mut watched.subject) => {
                record.note(&change.note())?;
                judge.change(change);
                match judge.judge(statements, false) {
                    Verdict::Ask(fresh) => {
                        hold.renew(fresh.clone());
                        ask = fresh;
                        continue;
                    }
                    Verdict::Allow(permit) => {
                        settled_on_record(record, seq, &hold.end(Settled::PolicyChanged))?;
                        return Ok(Waited::Permitted(permit));
                    }
                    Verdict::Deny(refusal) => {
                        settled_on_record(record, seq, &hold.end(Settled::PolicyChanged))?;
                        return Ok(Waited::Refused(refusal));
                    }
                }
            }
        };
        settled_on_record(record, seq, &hold.end(how))?;
        return Ok(Waited::Over(over));
    }
}

fn permit(
    ask: &Ask,
    judge: &Judge,
    (session, request): (String, &str),
    text: &Bytes,
    answers: &[Answer],
) -> Result<Permit, Refusal> {
    let matter = Matter {
        request,
        session: &session,
        subject: judge.subject(),
        target: judge.target(),
        text,
        parameters: &[],
        shape: None,
    };
    ask.granted(answers, &matter)
        .map_err(|error| approve::not_asked(ask, &error.to_string()))
}
