//! A session's summary as the API's answers carry it: read back from the JSON that the record
//! crate writes.

use serde::{Deserialize, Serialize};
use weir_record::{End, SessionStart, Summary, Tail};

/// A [`Summary`] that can also be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Summarised(#[serde(deserialize_with = "AsSummary::deserialize")] pub Summary);

#[derive(Deserialize)]
#[serde(remote = "Summary")]
struct AsSummary {
    start: SessionStart,
    database: Option<String>,
    commands: u64,
    refused: u64,
    asked: u64,
    rows: u64,
    masked: u64,
    last: i64,
    end: Option<End>,
    #[serde(with = "AsTail")]
    tail: Tail,
}

#[derive(Deserialize)]
#[serde(remote = "Tail", rename_all = "snake_case")]
enum AsTail {
    Whole,
    Torn { bytes: u64 },
}
