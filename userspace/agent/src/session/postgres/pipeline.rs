//! Which answers the target still owes, in order.
//!
//! Every message that weir sends has one [`Expected`] here until it is answered. An error in the
//! extended protocol makes the target pass over everything up to the next Sync (PostgreSQL's
//! documentation, 55.2.3); [`Pipeline::fail`] does the same to the queue.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use weir_policy::{Hit, Raised, RaisedSignal, Refusal, RowCounts};
use weir_record::{Detected, MaskedColumns, Outcome, RecordedPermit, Seq, Status};

use super::{portal::Portal, prepared::Prepared};
use crate::mask::{exposure::Exposure, lineage::Lineage, plan::Plan};

/// Which names a change is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// Prepared statements.
    Statement,
    /// Portals and cursors.
    Portal,
}

/// What kind of answer is owed.
#[derive(Debug)]
pub(super) enum Expected {
    /// Results of each statement in turn, then ReadyForQuery. `changes` holds, a statement each,
    /// what its success means for names.
    Query {
        changes: VecDeque<Vec<Space>>,
        plan: Option<Plan>,
        exposure: Arc<Exposure>,
        prepared: Arc<Prepared>,
        permit: Arc<RecordedPermit>,
        judged: Raised,
        rows: RowCounts,
        /// What was known of the database when it was judged.
        lineage: Arc<Lineage>,
    },
    /// FunctionCallResponse, then ReadyForQuery.
    Call { exposure: Arc<Exposure> },
    /// ParseComplete.
    Parse { exposure: Arc<Exposure> },
    /// CloseComplete, then ParseComplete, of a statement that weir has parsed anew; the client never sees
    /// them.
    Anew {
        exposure: Arc<Exposure>,
        /// The first has come.
        closed: bool,
    },
    /// BindComplete.
    Bind { portal: Arc<Portal> },
    /// RowDescription or NoData that says what a portal returns, before its rows come. Weir asked for it,
    /// and the client never sees it; or the client did, right behind its Bind: then it is `shown`.
    Probe { portal: Arc<Portal>, shown: bool },
    /// ParameterDescription, then RowDescription or NoData.
    DescribeStatement,
    /// RowDescription or NoData.
    DescribePortal,
    /// Rows, then one of CommandComplete, PortalSuspended, EmptyQueryResponse.
    Execute {
        portal: Arc<Portal>,
        changes: Vec<Space>,
    },
    /// CloseComplete.
    Close(Space),
    /// The search path, that weir asked for, then ReadyForQuery; the client never sees it.
    Path,
    /// ReadyForQuery.
    Sync,
    /// An error, for the statement that weir sent in the place of a refused one. `simple`: then
    /// ReadyForQuery, too.
    Refused {
        refusal: Refusal,
        /// The signals that were raised as it was judged.
        signals: Vec<RaisedSignal>,
        simple: bool,
    },
}

impl Expected {
    /// Whether what is owed is, or is part of, the command that it goes under, and not only a
    /// question about it.
    #[must_use]
    pub(super) fn is_of_its_command(&self) -> bool {
        !matches!(
            self,
            Self::DescribeStatement | Self::DescribePortal | Self::Probe { .. }
        )
    }
}

/// One owed answer, and the account of it.
#[derive(Debug)]
pub(super) struct Owed {
    /// What is owed.
    pub expected: Expected,
    /// The command that it is for.
    pub seq: Option<Seq>,
    /// The account so far.
    pub account: Account,
}

/// What a command has shown so far.
#[derive(Clone, Debug)]
pub(super) struct Account {
    started: Instant,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Masked values.
    pub masked: u64,
    /// The columns that they are in, of each statement that showed some.
    masked_columns: Vec<MaskedColumns>,
    /// What detectors have found.
    detected: Vec<Detected>,
    /// Statements that were completed.
    completed: u32,
    /// Bytes that the agent has sent into a stream that goes both ways.
    pub sent: Option<u64>,
    /// Whether its answer has begun.
    pub begun: bool,
    /// Whether its outcome is on record already.
    pub settled: bool,
    /// What the target said of the statement that it completed last.
    pub last_tag: Option<String>,
}

impl Account {
    fn new(now: Instant) -> Self {
        Self {
            started: now,
            rows: 0,
            bytes: 0,
            masked: 0,
            masked_columns: Vec::new(),
            detected: Vec::new(),
            completed: 0,
            sent: None,
            begun: false,
            settled: false,
            last_tag: None,
        }
    }

    /// Notes where the values are that `plan` masks in the statement under way.
    pub(super) fn masks(&mut self, plan: &Plan) {
        let told = self.masked_columns.last();
        if told.is_none_or(|told| told.statement != self.completed) {
            let mut columns = plan.masked_columns().peekable();
            if columns.peek().is_some() {
                self.masked_columns.push(MaskedColumns {
                    statement: self.completed,
                    columns: columns.collect(),
                });
            }
        }
    }

    /// Notes what a detector has found in the statement under way, and in which column.
    pub(super) fn found(&mut self, column: Option<u16>, hit: &Hit<'_>) {
        let mut told = self.detected.iter_mut();
        let same = |told: &&mut Detected| {
            told.detector == hit.detector && told.class == hit.class.as_str()
        };
        match told.find(same) {
            Some(told) => told.values += 1,
            None => self.detected.push(Detected {
                detector: hit.detector.to_owned(),
                class: hit.class.to_string(),
                values: 1,
            }),
        }
        let Some(column) = column else { return };
        let statement = self.completed;
        let columns = match self.masked_columns.last_mut() {
            Some(told) if told.statement == statement => &mut told.columns,
            _ => {
                let columns = vec![column];
                self.masked_columns
                    .push(MaskedColumns { statement, columns });
                return;
            }
        };
        if let Err(place) = columns.binary_search(&column) {
            columns.insert(place, column);
        }
    }

    /// How many statements were completed.
    pub(super) fn completed(&self) -> u32 {
        self.completed
    }

    /// Notes that a statement was completed.
    pub(super) fn completes(&mut self) {
        self.completed = self.completed.saturating_add(1);
    }

    /// The account as an outcome.
    #[must_use]
    pub(super) fn outcome(&self, status: Status, now: Instant) -> Outcome {
        let micros = now.saturating_duration_since(self.started).as_micros();
        Outcome {
            status,
            rows: self.rows,
            bytes: self.bytes,
            masked: self.masked,
            masked_columns: self.masked_columns.clone(),
            detected: self.detected.clone(),
            sent: self.sent,
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
        }
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    owed: VecDeque<Owed>,
    /// The commands among them, so that none has to be looked for: there may be many thousands.
    seqs: VecDeque<Seq>,
    /// The target passes over everything up to the next Sync.
    skipping: bool,
    /// That Sync was sent.
    sync_sent: bool,
}

impl Pipeline {
    /// Notes that an answer is owed.
    pub(super) fn push(&mut self, expected: Expected, seq: Option<Seq>, now: Instant) {
        self.seqs.extend(seq);
        self.sync_sent |= matches!(expected, Expected::Sync);
        self.owed.push_back(Owed {
            expected,
            seq,
            account: Account::new(now),
        });
    }

    /// The answer that comes next, unless the target is passing over messages.
    pub(super) fn head(&mut self) -> Option<&mut Owed> {
        if self.skipping {
            None
        } else {
            self.owed.front_mut()
        }
    }

    /// Counts what the agent sends into the stream that is under way, where that goes both ways.
    pub(super) fn sends(&mut self, bytes: usize) {
        if let Some(Owed { account, .. }) = self.head()
            && let Some(sent) = &mut account.sent
        {
            *sent += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
    }

    /// The command that comes next, for what concerns no answer.
    #[must_use]
    pub(super) fn current_seq(&self) -> Option<Seq> {
        self.seqs.front().copied()
    }

    /// The next answer is complete.
    pub(super) fn pop(&mut self) -> Option<Owed> {
        if self.skipping {
            None
        } else {
            self.take_front()
        }
    }

    /// The next answer is an error of the extended protocol: takes it and everything that the
    /// target now passes over, in order.
    pub(super) fn fail(&mut self) -> Vec<Owed> {
        self.skipping = true;
        let taken = self.take_until_sync();
        self.sync_sent = !self.owed.is_empty();
        taken
    }

    /// Whether the target passes over what is sent now.
    #[must_use]
    pub(super) fn passes_over(&self) -> bool {
        self.skipping && !self.sync_sent
    }

    /// ReadyForQuery: takes what was passed over, and behind that what it ends: a Sync, a Query, a
    /// Call or a refused Query. Nothing when no ReadyForQuery is owed.
    pub(super) fn ready(&mut self) -> (Vec<Owed>, Option<Owed>) {
        if std::mem::take(&mut self.skipping) {
            let passed_over = self.take_until_sync();
            return (passed_over, self.take_front());
        }
        match self.owed.front().map(|owed| &owed.expected) {
            Some(
                Expected::Sync
                | Expected::Query { .. }
                | Expected::Call { .. }
                | Expected::Path
                | Expected::Refused { simple: true, .. },
            ) => (Vec::new(), self.take_front()),
            _ => (Vec::new(), None),
        }
    }

    fn take_until_sync(&mut self) -> Vec<Owed> {
        let until = self
            .owed
            .iter()
            .position(|owed| matches!(owed.expected, Expected::Sync))
            .unwrap_or(self.owed.len());
        (0..until).filter_map(|_| self.take_front()).collect()
    }

    fn take_front(&mut self) -> Option<Owed> {
        let owed = self.owed.pop_front()?;
        if owed.seq.is_some() {
            self.seqs.pop_front();
        }
        Some(owed)
    }

    /// The target has begun to take copied rows for the next answer, and ignores a Sync until it
    /// has them all (55.2.6). `false` when something else than a Sync was already sent behind it.
    #[must_use]
    pub(super) fn copy_in_begins(&mut self) -> bool {
        let only_syncs = self
            .owed
            .iter()
            .skip(1)
            .all(|owed| matches!(owed.expected, Expected::Sync));
        // A Sync is no command, so the commands stay.
        self.owed.truncate(if only_syncs { 1 } else { usize::MAX });
        only_syncs
    }

    /// Whether no answer is owed.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// How many answers are owed.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Everything that is still owed, at the end of a session.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Owed> {
        self.seqs.clear();
        self.owed.drain(..)
    }
}

#[cfg(test)]
mod tests;
