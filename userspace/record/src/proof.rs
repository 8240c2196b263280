//! What recording hands on: the number of a command, and the proof that it is on record.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use weir_policy::Permit;

use crate::{Commit, ledger::Ledger};

/// The number of a command within its session, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(u64);

/// Proof that a command was allowed and that its intent is on record; the upstream forwards
/// nothing without it.
///
/// Only [`SessionWriter::intent`](crate::SessionWriter::intent) makes one, from a [`Permit`] that
/// it consumes.
///
/// ```
/// fn forward(command: &[u8], proof: &weir_record::RecordedPermit) {
///     let shown_clear = proof.permit().clear();
///     let number = proof.seq();
/// }
/// ```
///
/// ```compile_fail,E0451
/// # fn forge(permit: weir_policy::Permit, seq: weir_record::Seq) -> weir_record::RecordedPermit {
/// weir_record::RecordedPermit { permit, seq, ledger: todo!() }
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the command is on record as allowed: forward it, or record an outcome that says why not"]
pub struct RecordedPermit {
    permit: Permit,
    seq: Seq,
    ledger: Arc<Ledger>,
}

impl Seq {
    /// Before the first command.
    pub(crate) const NONE: Self = Self(0);

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    pub(crate) fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RecordedPermit {
    pub(crate) fn new(permit: Permit, seq: Seq, ledger: Arc<Ledger>) -> Self {
        Self {
            permit,
            seq,
            ledger,
        }
    }

    /// Resolves once everything that is on record by now, the intent included, is as durable as is
    /// demanded: nothing is forwarded before.
    pub fn commit(&self) -> Commit {
        self.ledger.commit()
    }

    /// The permit that was recorded, with its masking obligations.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The command's number, for its responses and its outcome.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }
}
