//! The shape of a file of cases as it is written, with places. Nothing here is checked yet.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use crate::DataClass;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// What holds for each case that doesn't say otherwise.
    #[serde(default)]
    pub(super) defaults: Defaults,
    /// `[[case]]`, in order.
    #[serde(default)]
    pub(super) case: Vec<Spanned<Case>>,
}

/// `[defaults]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    pub(super) subject: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) workload: Option<String>,
    pub(super) target: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) database: Option<String>,
}

/// `[[case]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) on_behalf_of: Option<String>,
    pub(super) workload: Option<String>,
    pub(super) target: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) database: Option<String>,

    /// A message of SQL.
    pub(super) command: Option<Spanned<String>>,
    /// Opening a session.
    #[serde(default)]
    pub(super) connect: bool,
    /// PostgreSQL's fast-path function call.
    #[serde(default)]
    pub(super) function_call: bool,
    /// A message of a session of streaming replication.
    pub(super) replication: Option<Spanned<String>>,
    /// A name that the DNS is asked about.
    pub(super) lookup: Option<Spanned<String>>,

    /// Names of the signals that are raised.
    #[serde(default)]
    pub(super) signals: BTreeSet<String>,

    #[serde(default)]
    pub(super) in_transaction: bool,
    pub(super) hour: Option<Spanned<u8>>,
    pub(super) weekday: Option<Spanned<String>>,
    pub(super) exe: Option<String>,
    pub(super) exe_hash: Option<Spanned<String>>,
    pub(super) uid: Option<Spanned<u32>>,
    pub(super) application_name: Option<String>,
    pub(super) row_limit: Option<Spanned<u64>>,
    pub(super) estimated_rows: Option<Spanned<u64>>,

    pub(super) record_type: Option<Spanned<String>>,
    pub(super) declared: Option<Spanned<bool>>,
    pub(super) names_per_minute: Option<Spanned<u32>>,

    pub(super) expect: Answer,
    pub(super) rule: Option<Spanned<String>>,
    pub(super) approvers: Option<Spanned<Vec<String>>>,
    pub(super) policies: Option<Vec<String>>,
    #[serde(default)]
    pub(super) clear: Vec<DataClass>,
    #[serde(default)]
    pub(super) masked: Vec<DataClass>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Allow,
    Ask,
    Deny,
}
