//! What fuzzers begin with and what they once found (`fuzz/kept`), by the same promises, without one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "how a test fails, also in its helpers"
)]

#[expect(unreachable_pub, reason = "it is a crate of its own for fuzzers")]
#[path = "../fuzz/src/lib.rs"]
mod promises;

use std::{fs, path::Path};

fn each(target: &str, holds: fn(&[u8])) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept");
    let mut count = 0;
    for entry in fs::read_dir(kept.join(target)).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        // A failed assertion says nothing of the file.
        let held = std::panic::catch_unwind(|| holds(&bytes));
        assert!(held.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "nothing is kept for {target}");
}

#[test]
fn clients_streams() {
    each("frontend", promises::frontend);
}

#[test]
fn servers_streams() {
    each("backend", promises::backend);
}

#[test]
fn first_packets() {
    each("startup", promises::startup);
}

#[test]
fn streams_in_pieces() {
    each("pieces", promises::pieces);
}
