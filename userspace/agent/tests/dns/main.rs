//! Questions of workloads, answered by weir: with a real server behind it, and with servers that lie.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod flood;
mod honest;
mod liars;
mod record;
mod refusals;
mod server;
mod stand;
mod streams;
