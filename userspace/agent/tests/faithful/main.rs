//! An admitted session without masks is byte-faithful: whatever an agent says, and however it is cut
//! into pieces, it hears through weir the same bytes as beside it.
//!
//! Seeded: each seed is a session of random steps (simple and extended queries, pipelines, portals by
//! pieces, copies both ways, cursors, notifications, errors in all of them), sent in random pieces, some
//! steps ahead of the answers to those before. It is run twice with a real PostgreSQL, and what was
//! heard is compared message by message. A failure names its seed.

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

#[expect(dead_code, reason = "each test crate uses its own part of the agent")]
#[path = "../liars/agent.rs"]
mod agent;
#[expect(
    dead_code,
    reason = "each test crate uses its own part of the messages"
)]
#[path = "../liars/messages.rs"]
mod messages;

mod chance;
mod programs;
mod steps;

use std::{collections::BTreeSet, net::SocketAddr};

use testbed::{Auth, Postgres};
use weir_policy::{Policies, Source};
use weir_wire::postgres::{Frame, backend::tag};

use agent::{Agent, tags};
use chance::Chance;
use common::Gate;
use steps::Step;

const SEEDS: u64 = 24;
const STEPS: usize = 40;

/// All is permitted, and nothing sensitive.
fn policies() -> Policies {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.into(),
    };
    Policies::load(&[
        source("all.cedar", "@id(\"all\") permit (principal, action, resource);"),
        source(
            "masking.toml",
            "[class.none]\nmethod = \"null\"\n[[column]]\nclass = \"none\"\ncolumn = \"no such column\"\n",
        ),
    ])
    .unwrap()
}

fn gate(server: &Postgres) -> Gate {
    Gate::with(server.addr(), "mode = \"disable\"", "unused", policies())
}

/// Runs the session of `seed` and returns what was heard, step by step.
fn session(address: SocketAddr, server: &Postgres, seed: u64) -> Vec<(String, Vec<Frame>)> {
    let mut chance = Chance::new(seed);
    let mut agent = Agent::dial_at(address);
    let (user, database) = (server.app_user(), server.database());
    agent.write(&messages::startup_of(user, database, &[]));
    agent.until_ready();
    let mut heard = Vec::new();
    let mut steps = Step::session(&mut chance, STEPS).into_iter().peekable();
    while steps.peek().is_some() {
        // Some go ahead of the answers.
        let ahead = 1 + chance.below(3);
        let sent: Vec<Step> = steps.by_ref().take(ahead).collect();
        let bytes: Vec<u8> = sent.iter().flat_map(Step::bytes).collect();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let most = if chance.one_in(3) { 3 } else { 400 };
            let size = 1 + chance.below(most);
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            agent.write(piece);
            rest = tail;
        }
        for step in sent {
            let frames = (0..step.answers).flat_map(|_| agent.until_ready());
            heard.push((step.name, frames.map(comparable).collect()));
        }
    }
    heard
}

/// A notification names the backend that it came from, which is another each time.
fn comparable(frame: Frame) -> Frame {
    if frame.tag() != tag::NOTIFICATION_RESPONSE {
        return frame;
    }
    let mut raw = frame.raw().to_vec();
    raw[5..9].fill(0);
    Frame::from_raw(raw.into()).unwrap()
}

#[test]
fn what_is_heard_through_weir_is_what_is_heard_beside_it() {
    let server = Postgres::builder()
        .tls(false)
        .auth(Auth::Trust)
        .start()
        .unwrap();
    server.psql_as_superuser(steps::TABLES).unwrap();
    let gate = gate(&server);
    let (mut steps, mut messages) = (0, 0);
    let mut kinds = BTreeSet::new();
    for seed in 0..SEEDS {
        let free = session(server.addr(), &server, seed);
        let governed = session(gate.address, &server, seed);
        assert_eq!(free.len(), governed.len(), "seed {seed}");
        for (place, ((name, free), (_, governed))) in free.iter().zip(&governed).enumerate() {
            assert_eq!(
                tags(free),
                tags(governed),
                "seed {seed}, step {place}: {name}"
            );
            for (one, other) in free.iter().zip(governed) {
                assert_eq!(one.raw(), other.raw(), "seed {seed}, step {place}: {name}");
            }
        }
        steps += free.len();
        messages += free.iter().map(|(_, heard)| heard.len()).sum::<usize>();
        let heard = free.iter().flat_map(|(_, heard)| heard);
        kinds.extend(heard.map(|frame| char::from(frame.tag())));
    }
    // But for those of a login and of replication.
    let all: BTreeSet<char> = "123ACDEGHINSTVZcdnst".chars().collect();
    assert_eq!(kinds, all, "each kind of message that a server sends");
    println!("{SEEDS} sessions, {steps} steps, {messages} messages: the same bytes");
}
