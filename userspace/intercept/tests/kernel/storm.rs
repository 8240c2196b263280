//! Many connections at once, while engines die under them and sockets are reset: none goes past the
//! weir, none is taken for another.
//!
//! `WEIR_STORM` says how many; without it there are few, which take seconds.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use weir_intercept::{AcceptError, Intercepted, Interceptor, Options, Rules, cgroup::Cgroup};

use crate::{
    agent,
    bed::{Bed, Ground},
    child::{Agent, Report, Running},
    serve::Target,
};

const AGENTS: u32 = 4;

/// How many connections, over all agents.
fn size() -> u32 {
    std::env::var("WEIR_STORM")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2000)
}

/// Long enough for any size.
const LONG: Duration = Duration::from_secs(1800);

/// The agents' task of being an engine that tells each client who it is taken for. Killed, never ends.
pub(super) fn witness(pin_dir: &str, cgroup: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let weir = Interceptor::start(Options {
            pin_dir: PathBuf::from(pin_dir),
            inherited: Vec::new(),
        })
        .expect("an engine");
        weir.tag(&Cgroup::resolve(cgroup).expect("a path"), &Rules::default())
            .expect("a tag");
        agent::say("ready", weir.status().port);
        loop {
            // What was on its way to the engine before may have lost its facts: it is dropped.
            if let Ok(intercepted) = weir.accept().await {
                tokio::spawn(tell(intercepted));
            }
        }
    });
}

async fn tell(intercepted: Intercepted) -> std::io::Result<()> {
    let pid = intercepted.facts.pid.map_or(0, weir_intercept::Pid::get);
    let taken_for = format!("{pid} {} {}\n", intercepted.cookie, intercepted.orig_dst);
    let mut io = BufReader::new(intercepted.io);
    io.read_line(&mut String::new()).await?;
    io.get_mut().write_all(taken_for.as_bytes()).await
}

async fn engine(ground: &Ground) -> Running {
    let pin_dir = ground.pins.0.join("engine");
    let workload = ground.workload.0.path().to_str().expect("text").to_owned();
    let args = [pin_dir.to_str().expect("text"), &workload];
    let mut engine = Agent::new("witness", &args).with_root().spawn();
    engine.wait_for("ready").await;
    engine
}

fn sum(reports: &[Report], key: &str) -> u32 {
    let number = |report: &Report| -> u32 { report.get(key).parse().expect("a number") };
    reports.iter().map(number).sum()
}

#[tokio::test]
async fn engines_killed_in_a_storm_let_nothing_past() {
    let ground = Ground::new();
    let target = Target::new("127.77.11.1").await;
    let each = (size() / AGENTS).to_string();
    let to = target.address.to_string();
    let mut running = engine(&ground).await;
    let agents: Vec<Running> = (0..AGENTS)
        .map(|_| {
            Agent::new("storm", &[&each, &to])
                .within(&ground.workload.0)
                .spawn()
        })
        .collect();
    let mut reports = tokio::spawn(async move {
        let mut reports = Vec::new();
        for agent in agents {
            reports.push(agent.report_within(LONG).await);
        }
        reports
    });
    let mut kills = 0;
    let reports = loop {
        tokio::select! {
            done = &mut reports => break done.expect("no panic"),
            () = tokio::time::sleep(Duration::from_millis(400)) => {
                running.kill().await;
                running = engine(&ground).await;
                kills += 1;
            }
        }
    };
    running.kill().await;
    let [right, wrong, failed] = ["right", "wrong", "failed"].map(|key| sum(&reports, key));
    eprintln!("{right} right, {wrong} wrong, {failed} failed, {kills} engines killed");
    assert_eq!((wrong, target.reached()), (0, 0), "{reports:?}");
    assert!(right > 0 && right + failed == size() / AGENTS * AGENTS);
    assert!(
        size() < 10_000 || (kills > 0 && failed > 0),
        "they were killed"
    );
}

/// What a connection of the reset storm says of itself by where it goes: which agent's it is, and its
/// number.
fn numbered(to: SocketAddr) -> (u32, u32) {
    let IpAddr::V4(ip) = to.ip() else {
        panic!("{to}")
    };
    let [_, agent, high, middle] = ip.octets();
    let number = (u32::from(high) << 16) | (u32::from(middle) << 8) | (u32::from(to.port()) - 1024);
    (u32::from(agent), number)
}

#[tokio::test]
async fn resets_over_few_ports_mislead_nobody() {
    const PORTS: u32 = 100;
    const FIRST: u32 = 21_000;
    let bed = Bed::new();
    let each = (size() / AGENTS).to_string();
    let started = Instant::now();
    let mut pids = HashMap::new();
    let mut agents = Vec::new();
    for index in 0..AGENTS {
        let number = index.to_string();
        let args = [
            number.as_str(),
            &each,
            &FIRST.to_string(),
            &PORTS.to_string(),
        ];
        let agent = bed.agent("reset-storm", &args).spawn();
        pids.insert(index, agent.pid());
        agents.push(agent);
    }
    let mut ends = tokio::spawn(async move {
        let mut reports = Vec::new();
        for agent in agents {
            reports.push(agent.report_within(LONG).await);
        }
        reports
    });
    let mut seen: HashMap<(u32, u32), u64> = HashMap::new();
    let (mut lost, mut ports_known) = (0u32, 0u32);
    let reports = loop {
        tokio::select! {
            biased;
            accepted = bed.weir.accept() => match accepted {
                Ok(intercepted) => {
                    let (agent, number) = numbered(intercepted.orig_dst.get());
                    assert_eq!(intercepted.facts.pid.map(|pid| pid.get()), pids.get(&agent).copied());
                    let port = u32::from(intercepted.peer.port());
                    assert_eq!(port, FIRST + number % PORTS, "the connection's own source port");
                    ports_known += 1;
                    let before = seen.insert((agent, number), intercepted.cookie.get());
                    assert_eq!(before, None, "one connection is one connection");
                }
                Err(AcceptError::Unattributed { .. }) => lost += 1,
                Err(error) => panic!("{error}"),
            },
            done = &mut ends => break done.expect("no panic"),
        }
    };
    let connected = sum(&reports, "connected");
    eprintln!(
        "{} of {connected} connections accepted and right ({ports_known} by their source port too), \
         {lost} without facts, {} tries found their port taken, {:?}",
        seen.len(),
        sum(&reports, "taken"),
        started.elapsed()
    );
    assert_eq!(lost, 0, "a reset takes no facts from who is accepted");
    assert_eq!(seen.len(), usize::try_from(connected).expect("a number"));
}
