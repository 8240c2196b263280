//! One governed session between an agent and a target: the state that both directions share.
//!
//! Sans-IO: [`request`](super::request) and [`answer`](super::answer) take one
//! message each and leave bytes in [`Sink`] and [`Shown`]; `drive` moves the bytes. Nothing here
//! waits.

use std::{collections::HashSet, sync::Arc, time::Instant};

use bytes::Bytes;
use weir_command::Statement;
use weir_policy::{Detectors, Policies, Refusal, Verdict, WouldBe};
use weir_record::{Outcome, RecordError, RecordedPermit, Seq, SessionWriter, Side, Status};
use weir_wire::{WireError, postgres::backend::TransactionStatus};

use super::{
    catalogues::Known,
    detecting::Detecting,
    encoding::Encoding,
    held::Held,
    hidden::HiddenCode,
    names::{Names, Segment},
    path::Path,
    pipeline::{Account, Owed, Pipeline},
    portal::Portal,
    prepared::Defined,
    replication::Replication,
    request::{Ahead, Decision, Estimated},
    shape::Shape,
    shown::Shown,
    texts::Texts,
};
use crate::{
    approve::{self, Unheld},
    mask::{copied::Malformed, exposure::Exposure, key::MaskKey, lineage::Lineage, plan::RowError},
    session::{Change, Cut, judge::Judge},
    upstream::postgres::Sink,
};

/// Most prepared statements, and most portals, that one session may hold.
pub(super) const MOST_NAMES: usize = 10_000;
/// Most answers that one session may be owed.
pub(super) const MOST_OWED: usize = 100_000;

/// The length that PostgreSQL itself takes no message beyond.
const MOST_LENGTH: u32 = 1 << 30;

/// A session past its start-up.
pub(super) struct Governed {
    pub(super) judge: Judge,
    pub(super) lineage: Arc<Lineage>,
    pub(super) key: Arc<MaskKey>,
    /// What is looked for in what is left clear.
    pub(super) detecting: Detecting,
    pub(super) record: SessionWriter,
    pub(super) sink: Sink,
    pub(super) shown: Shown,
    pub(super) texts: Texts,
    pub(super) encoding: Encoding,
    /// What the next two hold.
    pub(super) held: Held,
    pub(super) statements: Names<Bytes, Defined>,
    pub(super) portals: Names<Bytes, Arc<Portal>>,
    /// The portal that was bound last, where nobody has asked yet what it returns.
    pub(super) undescribed: Option<(Bytes, Arc<Portal>)>,
    pub(super) pipeline: Pipeline,
    pub(super) segment: Segment,
    /// Counts the messages that may change what a name means, or be changed by it.
    pub(super) turn: u64,
    /// The segment in which a message of the extended protocol was refused last.
    pub(super) refused_in: Option<Segment>,
    pub(super) transaction: TransactionStatus,
    /// The proof for rows that the target is taking right now.
    pub(super) copy_in: Option<Arc<RecordedPermit>>,
    /// The target is in the middle of a copy towards the agent.
    pub(super) copies_out: bool,
    /// The target has said why it ends the session.
    pub(super) told_why: bool,
    /// What the statements of the transaction that is open have been allowed to compute and touch.
    pub(super) uncommitted: Exposure,
    /// Code that weir does not see, which may have opened cursors.
    pub(super) hidden: HiddenCode,
    /// What it knows of the database's shape.
    pub(super) shape: Shape,
    /// Where names without a schema are looked for.
    pub(super) path: Path,
    /// The catalogue was just asked for what the next message names.
    pub(super) asked: bool,
    /// How many rows the next message concerns, where that was estimated just now.
    pub(super) estimated: Option<Estimated>,
    pub(super) scratch: Vec<u8>,
    /// When that came which is dealt with now.
    pub(super) now: Instant,
    /// Rows that the statement under way has shown.
    pub(super) statement_rows: u64,
    /// What people said of the message that is handed in next.
    pub(super) decision: Option<Decision>,
    /// What comes behind the Parse that is handed in next.
    pub(super) ahead: Option<Ahead>,
    /// Whether it is one of streaming replication.
    pub(super) replication: Option<Replication>,
}

/// Why a session ends before the agent ends it.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// It can't be recorded, so it can't go on.
    #[error("the session can't be recorded: {0}")]
    Record(#[from] RecordError),
    /// Somebody sent what the protocol does not allow.
    #[error("{message}")]
    Protocol {
        /// Who.
        side: Side,
        /// What.
        message: String,
    },
    /// A message is longer than is taken.
    #[error(
        "{} sent a message of {length} bytes, and weir takes no more than {limit}: a longer row or \
         statement needs a larger `max_message` in [engine] of weir.toml",
        match side { Side::Client => "the agent", Side::Server => "the target" }
    )]
    TooLong {
        /// Who sent it.
        side: Side,
        /// Its length.
        length: u32,
        /// The limit.
        limit: usize,
    },
    /// The target changed how statements are read, so they can't be judged any more.
    #[error("the target set {name} to {value}, under which statements can't be judged")]
    Lexing {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A signal was raised that leaves no way on.
    #[error("{} (rule {})", .0.message, .0.rule)]
    Signal(Refusal),
    /// The session holds more than it may.
    #[error("the session holds more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl SessionError {
    /// What a side sent can't be read.
    pub(super) fn unread(side: Side, error: &WireError) -> Self {
        match error {
            // One that no server would take either is no message at all.
            WireError::TooLong { length, limit, .. } if *length <= MOST_LENGTH => Self::TooLong {
                side,
                length: *length,
                limit: *limit,
            },
            _ => Self::Protocol {
                side,
                message: error.to_string(),
            },
        }
    }

    pub(super) fn client(message: impl Into<String>) -> Self {
        Self::Protocol {
            side: Side::Client,
            message: message.into(),
        }
    }

    pub(super) fn server(message: impl Into<String>) -> Self {
        Self::Protocol {
            side: Side::Server,
            message: message.into(),
        }
    }
}

/// A message that weir makes itself and that can't be made: only from names that a peer sent.
impl From<WireError> for SessionError {
    fn from(error: WireError) -> Self {
        Self::client(error.to_string())
    }
}

impl From<RowError> for SessionError {
    fn from(error: RowError) -> Self {
        Self::server(error.to_string())
    }
}

impl From<Malformed> for SessionError {
    fn from(error: Malformed) -> Self {
        Self::server(error.to_string())
    }
}

/// What a new policy would have done to a session whose workload is only observed.
fn would_end(would_be: &WouldBe) -> String {
    let (rule, message) = match would_be {
        WouldBe::Deny(refusal) => (refusal.rule.as_str(), refusal.message.as_str()),
        WouldBe::Ask(_) => (approve::RULE, "opening it needs approval now"),
    };
    format!("observed: the session would have been ended by {rule}: {message}")
}

impl Governed {
    /// A session that has just opened.
    #[must_use]
    pub(super) fn new(
        judge: Judge,
        (known, detectors): (Known, Option<Detectors>),
        key: Arc<MaskKey>,
        record: SessionWriter,
        sink: Sink,
        transaction: TransactionStatus,
    ) -> Self {
        Self {
            detecting: Detecting::new(detectors, &judge),
            judge,
            lineage: Arc::clone(&known.lineage),
            key,
            record,
            sink,
            shown: Shown::new(),
            texts: Texts::default(),
            encoding: Encoding::default(),
            held: Held::default(),
            statements: Names::new(),
            portals: Names::new(),
            undescribed: None,
            pipeline: Pipeline::default(),
            segment: Segment::default(),
            turn: 0,
            refused_in: None,
            transaction,
            copy_in: None,
            copies_out: false,
            told_why: false,
            uncommitted: Exposure::default(),
            hidden: HiddenCode::default(),
            shape: Shape::new(&known),
            path: Path::default(),
            asked: false,
            estimated: None,
            scratch: Vec::new(),
            now: Instant::now(),
            statement_rows: 0,
            decision: None,
            ahead: None,
            replication: None,
        }
    }

    /// Puts other policies in force, and judges anew whether the session may stand at all.
    pub(super) fn policies_changed(
        &mut self,
        policies: Arc<Policies>,
        known: Option<Known>,
        connect: &Statement,
    ) -> Result<Result<(), Cut>, SessionError> {
        if let Some(known) = known {
            self.catalogue_changed(known);
        }
        self.came_into_force(Change::Policies(policies), connect)
    }

    /// Puts in force what has changed, and judges anew whether the session may stand at all.
    pub(super) fn came_into_force(
        &mut self,
        change: Change,
        connect: &Statement,
    ) -> Result<Result<(), Cut>, SessionError> {
        self.record.note(&change.note())?;
        let ends = self.judge.ends_with(&change);
        self.judge.change(change);
        self.detecting.renew(&self.judge);
        if let Some(cut) = ends {
            return Ok(Err(cut));
        }
        Ok(match self.still_open(connect) {
            Verdict::Allow(permit) => {
                if let Some(would_be) = permit.would_be() {
                    self.record.note(&would_end(would_be))?;
                }
                Ok(())
            }
            Verdict::Ask(ask) => Err(Cut::Refused(approve::unheld(&ask, Unheld::Standing))),
            Verdict::Deny(refusal) => Err(Cut::Refused(refusal)),
        })
    }

    /// Notes that the catalogue was asked for what a message names and it didn't know.
    pub(super) fn catalogue_asked(&mut self) {
        self.asked = true;
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.transaction != TransactionStatus::Idle
    }

    /// Appends bytes for the agent, on the account of the answer that is owed next.
    pub(super) fn show(&mut self, seq: Option<Seq>, raw: &[u8]) -> Result<(), SessionError> {
        if let Some(owed) = self.pipeline.head() {
            owed.account.bytes += u64::try_from(raw.len()).unwrap_or(u64::MAX);
        }
        self.shows(raw.len())?;
        self.shown
            .answering(seq, &mut self.record)?
            .extend_from_slice(raw);
        Ok(())
    }

    pub(super) fn settle_account(
        &mut self,
        seq: Option<Seq>,
        account: &Account,
        status: Status,
    ) -> Result<(), SessionError> {
        if let Some(seq) = seq.filter(|_| !account.settled) {
            let outcome: Outcome = account.outcome(status, self.now);
            self.shown.settle(&mut self.record)?;
            self.record.outcome(seq, &outcome)?;
        }
        Ok(())
    }

    /// Ends the accounts of what won't be answered: `first` befell the first of it, `others` what
    /// was behind that. A command has one end, though a Bind and its Execute are owed apart.
    pub(super) fn settle_unanswered(
        &mut self,
        owed: &[Owed],
        first: &Status,
        others: &Status,
    ) -> Result<(), SessionError> {
        let mut told: HashSet<Seq> = HashSet::new();
        for (i, owed) in owed.iter().enumerate() {
            let Some(seq) = owed.seq.filter(|_| owed.expected.is_of_its_command()) else {
                continue;
            };
            if told.insert(seq) {
                let status = if i == 0 { first } else { others };
                self.settle_account(Some(seq), &owed.account, status.clone())?;
            }
        }
        Ok(())
    }

    /// Takes the session apart at its end: the record, with everything that was shown in it and
    /// every command that is still owed an answer marked as lost.
    pub(super) fn finish(mut self) -> (SessionWriter, Result<(), SessionError>) {
        self.tell_at_the_end();
        let owed: Vec<Owed> = self.pipeline.drain().collect();
        let settled = self
            .shown
            .settle(&mut self.record)
            .map_err(SessionError::from)
            .and_then(|()| self.settle_unanswered(&owed, &Status::Lost, &Status::Lost));
        (self.record, settled)
    }
}
