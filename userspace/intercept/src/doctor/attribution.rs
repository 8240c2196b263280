//! Whether it can be told for certain who calls.

use super::{Outcome, Probe};
use crate::attribute::Attribution;

pub(super) fn probe(name: &'static str) -> Probe {
    match Attribution::here() {
        Attribution::AtConnect => Probe::ok(
            name,
            "processes are known from the call itself, also those that exit at once",
        ),
        told @ Attribution::Afterwards { .. } => Probe::not(
            name,
            Outcome::Degraded,
            told.to_string(),
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and not locked down",
        ),
    }
}
