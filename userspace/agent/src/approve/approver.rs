//! Who answers, as policy knows them.

use nix::unistd::{Uid, User};
use weir_identity::Person;
use weir_policy::Approver;

/// A person whom a provider vouched for.
#[must_use]
pub fn person(person: &Person) -> Approver {
    Approver::person(
        person.id.clone(),
        person.aliases.clone(),
        person.groups.clone(),
    )
}

/// Root, or the daemon's own user; `None` where the account has no name, so that it couldn't be told
/// from who asks.
#[must_use]
pub fn operator(uid: u32) -> Option<Approver> {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten()?;
    Some(Approver::operator(&user.name))
}
