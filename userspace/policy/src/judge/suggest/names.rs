//! Names of the DNS that were asked about.

use super::{LeftOut, Suggestion, Whom};
use crate::bundle::is_host;

/// One question to the DNS that went through.
#[derive(Clone, Copy, Debug)]
pub struct NameSighting<'a> {
    /// Who asked.
    pub whom: &'a Whom,
    /// About which name: lower case, without the final dot.
    pub host: &'a str,
    /// For which record type: `A`, `TXT`, `TYPE65534`.
    pub record_type: &'a str,
    /// When, in a form whose order as text is the order in time.
    pub at: &'a str,
    /// Whether it went through only because its workload is observed.
    pub observed: bool,
}

/// What was asked, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) whom: Whom,
    pub(super) host: String,
    pub(super) record_type: String,
}

impl Suggestion {
    /// Takes a question to the DNS in, or counts it as left out.
    pub fn add_name(&mut self, sighting: NameSighting<'_>) {
        let NameSighting {
            whom,
            host,
            record_type,
            at,
            observed,
        } = sighting;
        if !is_host(host) {
            *self.left_out.entry(LeftOut::Unnameable).or_default() += 1;
            return;
        }
        let asked = asked(whom, host, record_type);
        self.names.entry(asked).or_default().add(at, observed);
    }

    /// Whether a question is among those taken in.
    #[must_use]
    pub fn has_name(&self, whom: &Whom, host: &str, record_type: &str) -> bool {
        self.names.contains_key(&asked(whom, host, record_type))
    }
}

fn asked(whom: &Whom, host: &str, record_type: &str) -> Asked {
    Asked {
        whom: whom.clone(),
        host: host.to_owned(),
        record_type: record_type.to_owned(),
    }
}
