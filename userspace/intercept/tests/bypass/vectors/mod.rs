//! The vectors, one file each.

mod datagrams;
mod disconnect;
mod families;
mod fastopen;
mod link;
mod mapped;
mod mptcp;
mod plain;
mod raw;
mod sendmmsg;

use crate::vector::{Attempt, Vector};

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
