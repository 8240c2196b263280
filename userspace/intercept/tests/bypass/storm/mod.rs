//! The quick ways around, again and again, while the engine is killed and started anew under them:
//! the witnesses never see a byte, and no connection is taken for another workload's or as going
//! elsewhere. Sized by `WEIR_STORM`, the number of connections that must be answered.

pub(crate) mod agent;
mod engine;

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use weir_intercept::cgroup::Cgroup;

use crate::{
    ALONE,
    aim::Aim,
    attempt::take_aim,
    bed::{Pins, Site},
    child::{self, Running, Start},
    vectors,
    witness::Near,
};
use engine::Engine;

/// Answered connections, unless said otherwise: some seconds' worth.
const SOME: u64 = 2_000;

/// How long an engine lives, once it listens, at the least.
const LIFE: Duration = Duration::from_millis(150);

/// What the agents of a storm had to say at its end.
#[derive(Debug, Default)]
struct Counts {
    /// Answered by an engine that knew the workload and the destination.
    right: u64,
    /// Refused or dropped.
    failed: u64,
    wrong: Vec<String>,
}

#[test]
fn no_way_around_while_the_engine_dies() {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let most = std::env::var("WEIR_STORM").map_or(SOME, |text| text.parse().expect("a number"));
    let site = Site::new();
    let pins = Pins::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(storm(&site, &pins, most));
}

async fn storm(site: &Site, pins: &Pins, most: u64) {
    let begun = Instant::now();
    let workloads = [site.cgroup("storm-one"), site.cgroup("storm-two")];
    let mut engine = Engine::start(pins, &workloads).await;
    let mut aims = Vec::new();
    let mut agents = Vec::new();
    for workload in &workloads {
        let (aim, near) = take_aim(site, workload, engine.port);
        agents.push(Agent::start(&aim, workload, site, most / 2));
        aims.push((aim, near));
    }
    let patience = Duration::from_secs(30 + most / 200);
    let (deaths, over) = (Cell::new(0), Cell::new(false));
    let ending = async {
        let mut counts = Counts::default();
        for agent in &mut agents {
            let listening = timeout(patience, agent.listen(&mut counts)).await;
            listening.expect("the agents hang");
        }
        over.set(true);
        counts
    };
    let killing = async {
        while !over.get() {
            sleep(LIFE * (1 + deaths.get() % 4)).await;
            engine.kill().await;
            squat(site, &workloads, engine.port, deaths.get()).await;
            deaths.set(deaths.get() + 1);
            engine = Engine::start(pins, &workloads).await;
        }
    };
    let (counts, ()) = tokio::join!(ending, killing);
    engine.kill().await;
    let deaths = deaths.get();
    for agent in agents {
        agent.kill().await;
    }
    for (aim, near) in &aims {
        let reached = [site.far.saw(aim), near.saw()].concat();
        assert!(
            reached.is_empty(),
            "{} times: {:?}",
            reached.len(),
            reached.first()
        );
    }
    assert!(counts.wrong.is_empty(), "{:?}", counts.wrong);
    assert!(counts.right >= most / 2 * 2, "{counts:?}");
    assert!(deaths > 0, "no engine died in time");
    println!(
        "{} connections answered rightly, {} refused or cut off, none direct, none wrong, while the \
         engine died {deaths} times in {:.1?}",
        counts.right,
        counts.failed,
        begun.elapsed(),
    );
}

/// An agent and the process outside that hands it sockets.
struct Agent {
    agent: Running,
    giver: Running,
}

impl Agent {
    fn start(aim: &Aim, workload: &Cgroup, site: &Site, most: u64) -> Self {
        let (ours, theirs) = child::pair();
        let start = |role, pair, cgroup: &Cgroup| {
            let start = Start {
                attempt: most.to_string(),
                role,
                aim,
                cgroup: cgroup.path().to_owned(),
                capabilities: &[],
                pair: Some(pair),
            };
            start.spawn()
        };
        Self {
            giver: start("giver", theirs, &site.outside),
            agent: start("storm", ours, workload),
        }
    }

    async fn listen(&mut self, counts: &mut Counts) {
        while let Some((key, value)) = self.agent.said().await {
            match key.as_str() {
                "end" => {
                    assert_eq!(value, "OK", "the agent's own end");
                    return;
                }
                "got" => counts.wrong.push(value),
                "right" => counts.right += value.parse::<u64>().expect("a number"),
                "failed" => counts.failed += value.parse::<u64>().expect("a number"),
                _ => panic!("an agent says {key} {value}"),
            }
        }
        panic!("the agent died");
    }

    async fn kill(self) {
        self.agent.kill().await;
        self.giver.kill().await;
    }
}

/// While no engine lives, nobody gets its port: neither a governed process nor a free one. Every way
/// the first time, then one at a time.
async fn squat(site: &Site, workloads: &[Cgroup; 2], port: u16, deaths: u32) {
    let ways: Vec<_> = vectors::all()
        .filter(|(vector, attempt)| vector.name == vectors::SQUAT && attempt.vain.is_some())
        .collect();
    let turn = usize::try_from(deaths).expect("few") % ways.len();
    let chosen = if deaths == 0 {
        &ways[..]
    } else {
        &ways[turn..=turn]
    };
    for (vector, attempt) in chosen {
        for cgroup in [&site.outside, &workloads[0]] {
            let (aim, _near): (Aim, Near) = take_aim(site, cgroup, port);
            let mut agent = Start {
                attempt: format!("{}/{}", vector.name, attempt.name),
                role: "agent",
                aim: &aim,
                cgroup: cgroup.path().to_owned(),
                capabilities: &[],
                pair: None,
            }
            .spawn();
            while let Some((key, value)) = agent.said().await {
                assert_ne!(
                    key, "got",
                    "{} while the engine is down: {value}",
                    attempt.name
                );
            }
            agent.kill().await;
        }
    }
}
