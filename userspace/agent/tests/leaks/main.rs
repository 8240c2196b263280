//! Ways in which a masked value might get out. A unique canary is planted in sensitive columns of a
//! real PostgreSQL, and each way is tried three times: beside weir, where it must show the canary
//! (or it would prove nothing), and through weir, enforcing and observing, where neither the bytes
//! that the agent receives nor the record may have it in any form.
//!
//! The tests print what became of each: `cargo test -p weir-agent --test leaks -- --nocapture`.
//!
//! What is found out by guessing is tried by right guesses and wrong ones, which must be answered alike.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "how a test fails, also in its helpers, and the table that it prints"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses its own part of the gate"
)]
#[path = "../common/mod.rs"]
mod common;

#[expect(dead_code, reason = "each test crate uses its own part of the agent")]
#[path = "../liars/agent.rs"]
mod agent;
#[expect(
    dead_code,
    reason = "each test crate uses its own part of the messages"
)]
#[path = "../liars/messages.rs"]
mod messages;

mod canary;
mod stand;

mod behind;
mod columns;
mod conversations;
mod detected;
mod encodings;
mod errors;
mod expressions;
mod guesses;
mod portals;
mod writes;
