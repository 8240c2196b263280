//! Governed sessions without a socket: a client and a server that a seed makes (the codecs'
//! simulation has them), and the state of a session between them.
//!
//! Whose turn it is and how the bytes are cut is the seed's, too. Where all is permitted and nothing
//! masked, the client hears what it would hear without weir, byte by byte, and in the end all three
//! are at the same place. Where either side lies, the session goes on or ends with an error; nothing
//! piles up, and each command that is on record has its outcome.

#[path = "../../../../wire/tests/simulation/chance.rs"]
mod chance;
#[path = "../../../../wire/tests/simulation/client.rs"]
mod client;
mod cost;
#[path = "../../../../wire/tests/simulation/liar.rs"]
mod liar;
mod reread;
#[path = "../../../../wire/tests/simulation/server.rs"]
mod server;
mod world;

use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use weir_record::Status;

use chance::{Chance, with_each};
use client::Step;
use world::{Lies, Stage, World};

/// Runs honest steps and compares them with those beside weir.
fn is_faithful(stage: &Stage, steps: &[Step], chance: &mut Chance) -> Result<(), String> {
    let beside = World::beside(steps);
    let mut world = World::new(stage, steps);
    world
        .runs(chance, Lies::Nobody)
        .map_err(|error| format!("it ended: {error}"))?;
    if world.heard != beside.heard {
        let place = world
            .heard
            .iter()
            .zip(&beside.heard)
            .take_while(|(a, b)| a == b);
        return Err(format!(
            "heard otherwise from byte {} on, of {} and {}",
            place.count(),
            world.heard.len(),
            beside.heard.len()
        ));
    }
    world.agrees_with(&beside.server)?;
    let (outcomes, open) = world.finishes();
    let odd = |status: &Status| matches!(status, Status::Lost | Status::Refused);
    if open > 0 || outcomes.iter().any(odd) {
        return Err(format!(
            "{open} commands have no outcome, the others {outcomes:?}"
        ));
    }
    Ok(())
}

#[test]
fn an_honest_session_is_heard_as_beside_weir() {
    let stage = Stage::new();
    with_each(100, |seed| {
        let mut chance = Chance::new(seed);
        let steps = Step::session(&mut chance, 12);
        is_faithful(&stage, &steps, &mut chance).unwrap_or_else(|why| panic!("{why}: {steps:?}"));
    });
}

/// The same, where what fails is made as short as can be.
#[test]
fn bytes_out_are_bytes_in() {
    let stage = Stage::new();
    let step = (0..8_u8, any::<u64>()).prop_map(|(kind, choices)| Step { kind, choices });
    let session = (prop::collection::vec(step, 1..8), any::<u64>());
    let mut runner = TestRunner::new(Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&session, |(steps, order)| {
        is_faithful(&stage, &steps, &mut Chance::new(order)).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|failed| panic!("{failed}"));
}

/// What was found so, and mended: rows behind an error waited for a Sync that was behind them.
#[test]
fn what_was_found_stays_mended() {
    let step = |(kind, choices)| Step { kind, choices };
    let steps = [
        (2, 7_061_449_417_737_850_246),
        (5, 465_757_648_143_137),
        (2, 1_457_479_487_006_579_481),
        (4, 15_307_411_604_668_320_264),
        (5, 8_972_749_431_805_343_733),
        (5, 3_223_288_120_610_838_392),
    ];
    let order = &mut Chance::new(8_912_612_779_341_243_923);
    is_faithful(&Stage::new(), &steps.map(step), order).unwrap();
}

#[test]
fn a_lying_client_ends_its_own_session_and_no_more() {
    let stage = Stage::new();
    let ended = std::cell::Cell::new(0);
    with_each(150, |seed| {
        let mut chance = Chance::new(seed);
        let steps = Step::session(&mut chance, 6);
        let mut world = World::new(&stage, &steps);
        let what = world.lies_as_client(&mut chance);
        let outcome = world.runs(&mut chance, Lies::Nobody);
        assert!(
            outcome.is_err() || world.server.fatal.is_none(),
            "{what}: the server was sent what no client sends: {:?}",
            world.server.fatal
        );
        ended.set(ended.get() + usize::from(outcome.is_err()));
        world.finishes();
    });
    assert!(ended.get() > 0, "no lie was seen");
}

#[test]
fn a_lying_server_shows_nothing_more_once_it_is_seen() {
    let stage = Stage::new();
    let ended = std::cell::Cell::new(0);
    with_each(150, |seed| {
        let mut chance = Chance::new(seed);
        let steps = Step::session(&mut chance, 6);
        let mut world = World::new(&stage, &steps);
        let outcome = world.runs(&mut chance, Lies::Server);
        ended.set(ended.get() + usize::from(outcome.is_err()));
        world.finishes();
    });
    assert!(ended.get() > 0, "no lie was seen");
}
