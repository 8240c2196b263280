//! Sessions of real clients with a real PostgreSQL, through the gate.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

#[path = "../common/mod.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses its own part of the gate"
)]
mod common;

mod basics;
mod drivers;
mod logins;
