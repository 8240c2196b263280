//! The vectors, one file each.

mod cgroups;
mod collusion;
mod copies;
mod datagrams;
mod disconnect;
mod families;
mod fastopen;
mod groups;
mod handed;
mod inbound;
mod joined;
mod link;
mod loops;
mod mapped;
mod mptcp;
mod namespaces;
mod options;
mod pidfd;
mod plain;
mod races;
mod raw;
mod sendmmsg;
mod squat;
mod unix;
pub(crate) mod uring;

use crate::vector::{Attempt, Vector};

/// The one whose attempts are made while no engine lives, too.
pub(crate) const SQUAT: &str = squat::VECTOR.name;

const VECTORS: &[Vector] = &[
    plain::VECTOR,
    fastopen::VECTOR,
    mptcp::VECTOR,
    disconnect::VECTOR,
    mapped::VECTOR,
    sendmmsg::VECTOR,
    datagrams::VECTOR,
    raw::VECTOR,
    link::VECTOR,
    families::VECTOR,
    inbound::VECTOR,
    handed::VECTOR,
    pidfd::VECTOR,
    joined::VECTOR,
    cgroups::VECTOR,
    namespaces::VECTOR,
    options::VECTOR,
    loops::VECTOR,
    groups::VECTOR,
    uring::VECTOR,
    squat::VECTOR,
    races::VECTOR,
    copies::VECTOR,
    collusion::VECTOR,
    unix::VECTOR,
];

/// Every attempt with its vector.
pub(crate) fn all() -> impl Iterator<Item = (&'static Vector, &'static Attempt)> {
    VECTORS
        .iter()
        .flat_map(|vector| vector.attempts.iter().map(move |attempt| (vector, attempt)))
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = all()
        .map(|(vector, attempt)| (vector.name, attempt.name))
        .collect();
    names.sort_unstable();
    assert!(names.is_sorted_by(|one, next| one < next));
}
