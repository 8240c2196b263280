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
mod common;

#[path = "liars/agent.rs"]
mod agent;
#[path = "liars/honest.rs"]
mod honest;
#[path = "liars/messages.rs"]
mod messages;
#[path = "liars/record.rs"]
mod record;
#[path = "liars/target.rs"]
mod target;

#[path = "liars/copies.rs"]
mod copies;
#[path = "liars/cursors.rs"]
mod cursors;
#[path = "liars/descriptions.rs"]
mod descriptions;
#[path = "liars/diagnostics.rs"]
mod diagnostics;
#[path = "liars/frames.rs"]
mod frames;
#[path = "liars/logins.rs"]
mod logins;
#[path = "liars/masking.rs"]
mod masking;
#[path = "liars/names.rs"]
mod names;
#[path = "liars/order.rs"]
mod order;
#[path = "liars/pipelines.rs"]
mod pipelines;
#[path = "liars/policies.rs"]
mod policies;
#[path = "liars/pressure.rs"]
mod pressure;
#[path = "liars/settings.rs"]
mod settings;
#[path = "liars/startups.rs"]
mod startups;
#[path = "liars/truth.rs"]
mod truth;
#[path = "liars/unasked.rs"]
mod unasked;
#[path = "liars/upstream_tls.rs"]
mod upstream_tls;
