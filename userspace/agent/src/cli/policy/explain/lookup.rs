//! A question to the DNS, judged again.

use weir_policy::{Lookup, LookupContext};

use super::{Again, Explained, Found};
use crate::cli::{error::CliError, policy::error::PolicyError};

/// The question, to be judged again.
pub(super) fn again<'a>(found: &'a Found, notes: &mut Vec<String>) -> Result<Again<'a>, CliError> {
    let text = &found.intent.text;
    // What held no question was refused before anybody was asked.
    let (record_type, host) =
        question(text).ok_or_else(|| PolicyError::NoQuestion(text.clone()))?;
    let lookup = found.intent.lookup;
    if lookup.is_none() {
        notes.push(
            "the record does not say whether the name was declared, nor how many were asked about \
             in that minute: taken as not declared, and the only one"
                .to_owned(),
        );
    }
    let subject = found.subject();
    let context = LookupContext {
        workload: found.start.workload.clone(),
        declared: lookup.is_some_and(|lookup| lookup.declared),
        names_per_minute: lookup.map_or(1, |lookup| lookup.names_per_minute),
        signals: found.signals(),
    };
    Ok(Box::new(move |policies| {
        let lookup = Lookup {
            subject: &subject,
            host,
            record_type,
            context: &context,
        };
        let explanation = policies.explain_lookup(found.mode(), &lookup);
        Explained::Lookup(Box::new(explanation))
    }))
}

/// The type and the name of `A db.internal`, as records have a question.
fn question(text: &str) -> Option<(&str, &str)> {
    let (record_type, host) = text.split_once(' ')?;
    let is_type = record_type
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (is_type && !record_type.is_empty() && !host.contains(' ')).then_some((record_type, host))
}
