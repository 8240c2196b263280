//! A permit can't be made without a judgement.

use weir_policy::{Clear, Permit, PolicyVersion};

fn forges(version: PolicyVersion, clear: Clear) -> Permit {
    Permit::new(version, Vec::new(), clear)
}

fn defaults() -> Permit {
    Permit::default()
}

fn main() {}
