//! The whole way: a process without root in a tagged cgroup, the real eBPF programs, the engine, a
//! real PostgreSQL at its ordinary address.
//!
//! Needs root and a cgroup v2 hierarchy; says so when it hasn't got them.

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
mod daemon;
mod stand;

mod command_line;
mod datagrams;
mod dns;
mod full_disk;
mod handover;
mod people;
mod policies;
mod shipping;
mod stopped;
mod telemetry;
mod whole_way;
