//! A message that can't be dealt with yet: what it waits for, and how the wait for people goes.
//!
//! What is held was sent nowhere. It is handed in again once people have said, and judged again
//! then: what goes on does so by the policy of that moment.
//!
//! Known limit: behind 256 KiB that an agent has sent on, its going away shows when the wait ends.

use std::sync::Arc;

use bytes::Bytes;
use weir_command::{Predicate, Statement, Verb};
use weir_policy::Ask;
use weir_record::{CommandText, Seq, Settled};
use weir_wire::postgres::{
    Decoded, Limits,
    backend::{DiagnosticBuilder, Severity, SqlState},
    decode_frame,
    frontend::{self, Bind, Message},
};

use super::{
    cancels::Interrupt,
    drive::{Ended, Surroundings},
    estimating,
    governed::{Governed, SessionError},
    request::{Ahead, Decision, Estimating, Wanted},
};
use crate::{
    approve::{self, Asked, Hold, Question, Rows, Settlement, Unheld},
    session::{
        Cut,
        asked::{on_record, settled_on_record},
    },
};

/// A message that waits, and those behind it with it.
pub(super) struct Waiting {
    pub(super) message: Message,
    pub(super) why: Why,
    /// The request that people have, also while it is judged again. Few messages have one.
    pub(super) held: Option<Box<Held>>,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Answers of the target's to earlier messages, or nothing any more.
    Answers,
    /// What comes behind it.
    More,
    /// People.
    People,
}

/// A request that people have.
pub(super) struct Held {
    hold: Hold,
    seq: Seq,
    ask: Ask,
    interrupt: Arc<Interrupt>,
    began: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.interrupt.end();
    }
}

/// What ends the wait for people.
pub(super) enum Word {
    /// Theirs, or that of the clock.
    Settled(Settlement),
    /// The agent's, who cancels.
    Cancelled,
}

impl Waiting {
    pub(super) fn new(message: Message, why: Why, held: Option<Box<Held>>) -> Self {
        Self { message, why, held }
    }

    /// Resolves when the wait for people is over; never where nobody waits for them. Safe to cancel.
    pub(super) async fn word(waiting: &mut Option<Self>) -> Word {
        let Some(held) = waiting.as_mut().and_then(|waiting| waiting.held.as_mut()) else {
            return std::future::pending().await;
        };
        tokio::select! {
            settlement = held.hold.wait() => Word::Settled(settlement),
            () = held.interrupt.interrupted(held.began) => Word::Cancelled,
        }
    }

    /// Whether what waits would still be dealt with if the agent's side closed now.
    pub(super) fn outlives_the_agent(waiting: Option<&Self>) -> bool {
        waiting.is_some_and(|waiting| waiting.why == Why::Answers && waiting.held.is_none())
    }

    /// Whether what waits keeps the agent from being heard.
    pub(super) fn is_deaf(waiting: Option<&Self>) -> bool {
        waiting.is_some_and(|waiting| waiting.why == Why::Answers)
    }

    pub(super) fn waits_for_people(waiting: Option<&Self>) -> bool {
        waiting.is_some_and(|waiting| waiting.why == Why::People)
    }

    /// Under other policies, or for other groups of its subject, it is judged again.
    pub(super) fn judged_anew(&mut self) {
        if self.why == Why::People {
            self.why = Why::Answers;
        }
    }
}

/// Puts what a message wants before people, unless what they have said already is enough.
pub(super) async fn ask(
    session: &mut Governed,
    around: &Surroundings<'_>,
    message: Message,
    wanted: Box<Wanted>,
    held: Option<Box<Held>>,
) -> Result<Waiting, SessionError> {
    if let Some(mut held) = held {
        held.hold.renew(wanted.ask.clone());
        held.ask = wanted.ask;
        return Ok(Waiting::new(message, Why::People, Some(held)));
    }
    let Some(desk) = around.approvals else {
        session.decide_with(Decision::Refused(approve::unheld(
            &wanted.ask,
            Unheld::NoApi,
        )));
        return Ok(Waiting::new(message, Why::Answers, None));
    };
    let rows = match (wanted.rows.estimated, touched(session, &wanted)) {
        (Some(rows), _) => Some(Rows::Estimated(rows)),
        (None, Some(touched)) => Some(estimated(around, touched).await),
        (None, None) => None,
    };
    let meant = wanted.prepared.meant();
    let asked = desk.ask(&Question {
        ask: &wanted.ask,
        seq: session.record.next(),
        subject: session.judge.subject(),
        target: session.judge.target(),
        text: wanted.prepared.text(),
        parameters: &wanted.parameters,
        shown_parameters: &wanted.shown,
        statements: &meant,
        runs: &wanted.runs,
        shape: wanted.prepared.shape(),
        rows: rows.clone(),
    });
    let hold = match asked {
        Ok(Asked::Held(hold)) => hold,
        Ok(Asked::Granted(answers)) => {
            session.decide_with(Decision::Granted {
                answers,
                request: String::new(),
            });
            return Ok(Waiting::new(message, Why::Answers, None));
        }
        Err(error) => {
            let refusal = approve::not_asked(&wanted.ask, &error.to_string());
            session.decide_with(Decision::Refused(refusal));
            return Ok(Waiting::new(message, Why::Answers, None));
        }
    };
    let text = String::from_utf8_lossy(wanted.prepared.text());
    let signals = session.judge.figures();
    let command = CommandText {
        text: &text,
        parameters: &wanted.shown,
        statements: (&meant).into(),
        signals: &signals,
    };
    let seq = on_record(
        &mut session.record,
        &wanted.ask,
        command,
        &hold,
        rows.as_ref(),
    )?;
    notice(session, seq, &hold, &wanted.ask)?;
    let began = around.interrupt.begin();
    let held = Held {
        hold,
        seq,
        ask: wanted.ask,
        interrupt: Arc::clone(&around.interrupt),
        began,
    };
    Ok(Waiting::new(message, Why::People, Some(Box::new(held))))
}

/// Tells the agent what it waits for. A notice may come between any two messages (55.2.7).
fn notice(session: &mut Governed, seq: Seq, hold: &Hold, ask: &Ask) -> Result<(), SessionError> {
    let why = ask
        .message()
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    let message = format!(
        "weir: this waits for the approval of {}{why}",
        ask.describe()
    );
    let detail = format!(
        "request {}, which waits for {} s; policy {}",
        hold.id(),
        hold.left().as_secs(),
        ask.version()
    );
    let hint = format!("who may answer runs: {}", hold.command());
    let notice = DiagnosticBuilder::new(Severity::Notice, SqlState::WARNING, &message)
        .detail(&detail)
        .hint(&hint)
        .notice();
    session
        .shown
        .answering(Some(seq), &mut session.record)?
        .extend_from_slice(notice.frame().raw());
    Ok(())
}

/// What to ask for the rows that a single UPDATE or DELETE would touch, where people are told of them,
/// or why they can't be told.
fn touched(session: &Governed, wanted: &Wanted) -> Option<Result<Estimating, &'static str>> {
    let [Statement::Command(command)] = wanted.prepared.statements() else {
        return None;
    };
    let touches = matches!(command.verb, Verb::Update | Verb::Delete)
        && command.predicate != Predicate::NotApplicable;
    touches.then(|| session.estimable(&wanted.prepared, wanted.bind.as_ref()))
}

/// The same rows, as the target's planner thinks.
async fn estimated(around: &Surroundings<'_>, touched: Result<Estimating, &'static str>) -> Rows {
    let estimating = match touched {
        Ok(estimating) => estimating,
        Err(why) => return Rows::Unknown(why.to_owned()),
    };
    match estimating::rows(around, &estimating).await {
        Ok(rows) => Rows::Estimated(rows),
        Err(error) => Rows::Unknown(error.to_string()),
    }
}

impl Governed {
    /// What people have said takes effect: the message is to be handed in again.
    pub(super) fn settled(
        &mut self,
        held: &Held,
        settlement: Settlement,
    ) -> Result<(), SessionError> {
        settled_on_record(&mut self.record, held.seq, &settlement)?;
        self.decide_with(if settlement.how == Settled::Approved {
            Decision::Granted {
                answers: settlement.answers,
                request: held.hold.id().to_owned(),
            }
        } else {
            Decision::Refused(approve::settled(&held.ask, &settlement))
        });
        Ok(())
    }

    /// The wait for people is over, in whatever way.
    pub(super) fn heard(
        &mut self,
        waiting: &mut Option<Waiting>,
        word: Word,
    ) -> Result<(), SessionError> {
        let Some(mut waited) = waiting.take() else {
            return Ok(());
        };
        if let Some(mut held) = waited.held.take() {
            let settlement = match word {
                Word::Settled(settlement) => settlement,
                Word::Cancelled => held.hold.end(Settled::Cancelled),
            };
            self.settled(&held, settlement)?;
        }
        waited.why = Why::Answers;
        *waiting = Some(waited);
        Ok(())
    }

    /// A message that was held was dealt with without people: other policies decided it.
    pub(super) fn overtaken(&mut self, mut held: Held) -> Result<(), SessionError> {
        let settlement = held.hold.end(Settled::PolicyChanged);
        Ok(settled_on_record(&mut self.record, held.seq, &settlement)?)
    }

    /// The session ends while a message waits: nothing of it is sent.
    pub(super) fn given_up(
        &mut self,
        waiting: Option<Waiting>,
        ended: &Result<Ended, SessionError>,
    ) -> Result<(), SessionError> {
        let Some(mut held) = waiting.and_then(|waiting| waiting.held) else {
            return Ok(());
        };
        let how = match ended {
            Ok(Ended::ClientGone | Ended::Closed) => Settled::GaveUp,
            Ok(Ended::Shutdown) => Settled::Shutdown,
            Ok(Ended::Cut(Cut::Refused(_))) => Settled::PolicyChanged,
            Ok(Ended::ServerGone | Ended::Cut(_) | Ended::Failed(_)) | Err(_) => {
                Settled::SessionEnded
            }
        };
        let settlement = held.hold.end(how);
        Ok(settled_on_record(&mut self.record, held.seq, &settlement)?)
    }
}

/// What comes behind a Parse, as far as it tells whether its statement is about to be run; `None`
/// where more must come. `full`: nothing more can.
pub(super) fn ahead(
    received: &[u8],
    statement: &[u8],
    full: bool,
    limits: &Limits,
) -> Option<Ahead> {
    let mut rest = received;
    loop {
        let frame = match rest.split_first_chunk::<5>() {
            Some((&[tag, a, b, c, d], _)) => {
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok();
                length.and_then(|length| Some((tag, length.checked_add(1)?)))
            }
            None => return full.then_some(Ahead::Nothing),
        };
        let Some((tag, length)) = frame.filter(|(_, length)| (5..=limits.message).contains(length))
        else {
            return Some(Ahead::Nothing);
        };
        match tag {
            // What tells nothing about it.
            b'D' | b'E' | b'd' => {}
            b'B' => {
                let Some(bytes) = rest.get(..length) else {
                    return full.then_some(Ahead::Nothing);
                };
                match bind(bytes, limits) {
                    Some(bind) if bind.statement() == statement => {
                        return Some(Ahead::Bind(Box::new(bind)));
                    }
                    Some(_) => {}
                    None => return Some(Ahead::Nothing),
                }
            }
            // The agent waits for an answer, or means something else by the name.
            _ => return Some(Ahead::Nothing),
        }
        rest = match rest.get(length..) {
            Some(rest) => rest,
            None => return full.then_some(Ahead::Nothing),
        };
    }
}

fn bind(bytes: &[u8], limits: &Limits) -> Option<Bind> {
    let mut bytes = bytes::BytesMut::from(bytes);
    let Ok(Decoded::Complete(frame)) = decode_frame(&mut bytes, limits) else {
        return None;
    };
    match frontend::decode(frame) {
        Ok(Message::Bind(bind)) => Some(bind),
        _ => None,
    }
}

/// The name of the statement that a Parse makes.
pub(super) fn parsed(message: &Message) -> Bytes {
    match message {
        Message::Parse(parse) => Bytes::copy_from_slice(parse.name()),
        _ => Bytes::new(),
    }
}
