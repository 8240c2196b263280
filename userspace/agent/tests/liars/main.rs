//! Sessions with somebody who lies: a target that sends what was not asked for, an agent that
//! sends what no driver does. Both are scripted, byte by byte where it must be; weir is real.
//!
//! What must hold each time: no clear value reaches the agent, the session ends with an error in
//! the protocol where one can still be sent, the record says whose fault it was, and the next
//! session is served.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "how a test fails, also in its helpers"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "each test crate uses its own part of the gate"
)]
#[path = "../common/mod.rs"]
mod common;

mod agent;
mod honest;
mod messages;
mod peer;
mod record;
mod target;

mod copies;
mod cursors;
mod descriptions;
mod diagnostics;
mod frames;
mod logins;
mod masking;
mod names;
mod order;
mod pipelines;
mod policies;
mod pressure;
mod settings;
mod startups;
mod truth;
mod unasked;
mod upstream_tls;
