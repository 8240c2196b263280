//! Who hears of what is recorded, once it is: to count it and to trace it, never to decide on it.
//!
//! Everything that sessions do comes by the record, so what is counted here and what is on record
//! can't tell two stories. Called by whoever records: an observer must not wait, fail or panic.

use std::{fmt, time::Duration};

use weir_command::Statement;

use crate::{Approval, End, Outcome, Seq, SessionStart};

/// Hears of a host's records.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A session begins; its own observer is dropped with its record.
    fn begins(&self, start: &SessionStart) -> Box<dyn SessionObserver>;

    /// Bytes are in the kernel's hands.
    fn wrote(&self, bytes: u64);

    /// The disk has a file, or failed to take it, after so long.
    fn synced(&self, took: Duration);
}

/// Hears of one session. Times are microseconds since its start.
pub trait SessionObserver: Send + fmt::Debug {
    /// An event, or bytes of an answer, are on record, of whatever kind.
    fn recorded(&mut self);

    /// The target was dialled for so long, and let weir in, or didn't.
    fn dialled(&mut self, took: Duration, reached: bool);

    /// The agent has opened a database at the target.
    fn opened(&mut self, database: &str);

    /// A command was judged.
    fn judged(&mut self, judged: &Judged<'_>);

    /// A command that asks is one step on.
    fn approval(&mut self, seq: Seq, at: i64, approval: &Approval);

    /// A command is over.
    fn outcome(&mut self, seq: Seq, at: i64, outcome: &Outcome);

    /// The session is over. Where it ends otherwise, its observer is dropped without a word.
    fn ended(&mut self, at: i64, end: &End);
}

/// A command that was judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Its number.
    pub seq: Seq,
    /// When its verdict was there.
    pub at: i64,
    /// How long that took, where [it was said](crate::SessionWriter::hears) when it came.
    pub took: Option<Duration>,
    /// What was read in it.
    pub statements: &'a [Statement],
    /// The verdict.
    pub verdict: Judgement<'a>,
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// It goes on.
    Allowed,
    /// It goes on only because its workload is observed.
    Observed,
    /// People are asked.
    Asked,
    /// It doesn't.
    Denied {
        /// The rule that decided.
        rule: &'a str,
    },
}

#[cfg(test)]
mod tests;
