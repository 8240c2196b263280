//! Who may see which request: operators all, a person what names them.

use weir_policy::Approver;

use super::request::Request;

/// Whether this person may see it: it names them, or they have answered it.
pub(super) fn sees(person: &Approver, request: &Request) -> bool {
    person.is_operator()
        || request
            .requirements
            .iter()
            .flatten()
            .any(|demand| demand.names(person))
        || request.answers.iter().any(|given| given.by == person.id())
}
