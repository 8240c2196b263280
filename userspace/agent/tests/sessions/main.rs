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

mod approvals;
mod basics;
mod budgets;
mod changed;
mod datagrams;
mod detected;
mod detours;
mod drivers;
mod encodings;
mod estimates;
mod gigantic;
mod held;
mod hosts;
mod identity;
mod killed;
mod libpq;
mod logins;
mod masked;
mod meanwhile;
mod names;
mod objects;
mod observed;
mod opaque;
mod quiet;
mod records;
mod replication;
mod rows;
mod shapes;
mod signals;
mod telemetry;
mod told;
mod unseen;
mod views;

use common::Gate;
use testbed::Postgres;

/// A server with sample data.
fn server() -> Postgres {
    Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap()
}

/// The same, and a gate with the shipped policies in front of it.
fn stand() -> (Postgres, Gate) {
    let server = server();
    let gate = Gate::before(&server);
    (server, gate)
}
