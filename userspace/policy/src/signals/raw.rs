//! The shape of `signals.toml` as it is written, with places. Nothing here is checked yet.

use serde::Deserialize;
use toml::Spanned;

use super::rules::{Kind, Per, What};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) budget: Vec<Budget>,
    #[serde(default)]
    pub(super) refusals: Vec<Refusals>,
    #[serde(default)]
    pub(super) schedule: Vec<Schedule>,
    #[serde(default)]
    pub(super) novelty: Vec<Novelty>,
}

/// `[[budget]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    pub(super) name: Spanned<String>,
    pub(super) what: Spanned<What>,
    pub(super) per: Option<Spanned<Per>>,
    pub(super) actions: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) limit: Spanned<u64>,
    pub(super) window: Spanned<String>,
    pub(super) cut: Option<Spanned<bool>>,
}

/// `[[refusals]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusals {
    pub(super) name: Spanned<String>,
    pub(super) per: Option<Spanned<Per>>,
    pub(super) limit: Spanned<u64>,
    pub(super) window: Spanned<String>,
}

/// `[[schedule]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    pub(super) name: Spanned<String>,
    pub(super) workloads: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) zone: Spanned<String>,
    pub(super) days: Spanned<Vec<Spanned<String>>>,
    pub(super) hours: Spanned<Vec<Spanned<String>>>,
}

/// `[[novelty]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Novelty {
    pub(super) name: Spanned<String>,
    pub(super) what: Spanned<Kind>,
    pub(super) per: Option<Spanned<Per>>,
    pub(super) learn: Option<Spanned<String>>,
    pub(super) learn_messages: Option<Spanned<u64>>,
}
