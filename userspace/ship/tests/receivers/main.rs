//! Sinks against real receivers that are stopped and started in the middle: what was recorded arrives,
//! each event at least once and each session's in order.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod endpoint;
mod http;
mod journal;
mod killed;
mod s3;
mod stand;
mod syslog;
