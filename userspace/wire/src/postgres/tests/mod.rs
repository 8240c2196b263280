//! What holds for all messages at once: the same promise, tried on every golden message.

mod hostile;
mod oracle;
mod round_trip;

use std::collections::BTreeSet;

use super::{backend, frontend};

#[test]
fn every_message_has_golden_bytes_and_a_type_byte_of_its_own() {
    for (tags, golden) in [
        (frontend::TAGS, frontend::GOLDEN),
        (backend::TAGS, backend::GOLDEN),
    ] {
        let distinct: BTreeSet<_> = tags.iter().copied().collect();
        assert_eq!(distinct.len(), tags.len());
        let shown: BTreeSet<_> = golden.iter().map(|bytes| bytes[0]).collect();
        assert_eq!(shown, distinct);
    }
}
