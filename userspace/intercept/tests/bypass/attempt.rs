//! One attempt, from the start of its processes to what the witnesses saw of it.

use std::{net::SocketAddr, sync::atomic::AtomicU32, sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use weir_intercept::{
    CgroupId, Interceptor, Pid, Rules,
    cgroup::Cgroup,
    established::{Established, Spared},
};

use crate::{
    aim::Aim,
    bed::Site,
    child::{self, Running, Start},
    vector::{Attempt, Vector},
    witness::Near,
};

/// Nothing here takes this long; whatever does hangs.
const SOON: Duration = Duration::from_secs(20);

/// How long a witness is watched after the agent has ended: everything is on this host.
const SETTLE: Duration = Duration::from_millis(40);
/// How long for the one that must be reached.
const PATIENCE: Duration = Duration::from_millis(500);

/// What became of it.
#[derive(Debug)]
pub(crate) struct Tried {
    /// How the agent's own calls ended: OK or an error's name.
    pub(crate) end: String,
    /// What the witnesses saw.
    pub(crate) reached: Vec<String>,
    /// Sockets that a scan for established connections destroyed.
    pub(crate) destroyed: usize,
}

/// What is to be tried, and in which cgroup.
pub(crate) struct Try<'a> {
    pub(crate) vector: &'a Vector,
    pub(crate) attempt: &'a Attempt,
    pub(crate) cgroup: &'a Cgroup,
    pub(crate) engine: u16,
    /// Whose the cgroup is, if it is tagged.
    pub(crate) governed: Option<(&'a Interceptor, CgroupId)>,
    /// Whether the witness is expected to be reached.
    pub(crate) free: bool,
}

impl Try<'_> {
    pub(crate) async fn run(&self, site: &Site) -> (Aim, Tried) {
        let (aim, near) = take_aim(site, self.cgroup, self.engine);
        if let (Some((weir, id)), true) = (self.governed, self.attempt.datagrams) {
            let set = weir.set_datagram_targets(id, &[aim.far4].into());
            set.expect("there is room");
        }
        let (ours, theirs) = child::pair();
        let (mut agent, accomplice) = {
            let start = |role, pair, cgroup: &Cgroup| Start {
                attempt: format!("{}/{}", self.vector.name, self.attempt.name),
                role,
                aim: &aim,
                cgroup: cgroup.path().to_owned(),
                capabilities: if role == "agent" {
                    self.attempt.capabilities
                } else {
                    &[]
                },
                pair: Some(pair),
            };
            let begin = if self.attempt.outside {
                &site.outside
            } else {
                self.cgroup
            };
            let accomplice = self
                .attempt
                .accomplice
                .map(|_| start("accomplice", theirs, &site.outside).spawn());
            (start("agent", ours, begin).spawn(), accomplice)
        };
        let mut seen = Seen::default();
        let end = timeout(SOON, self.attend(site, &aim, &mut agent, &mut seen))
            .await
            .unwrap_or_else(|_| "HANGS".to_owned());
        let until = Instant::now() + if self.free { PATIENCE } else { SETTLE };
        let reached = loop {
            let reached: Vec<String> =
                [site.far.saw(&aim), near.saw(), seen.reached.clone()].concat();
            if (self.free && !reached.is_empty()) || Instant::now() > until {
                break reached;
            }
            sleep(Duration::from_millis(5)).await;
        };
        agent.kill().await;
        if let Some(accomplice) = accomplice {
            accomplice.kill().await;
        }
        let tried = Tried {
            end,
            reached,
            destroyed: seen.destroyed,
        };
        (aim, tried)
    }

    /// Does what the agent asks for until it ends, and says how.
    async fn attend(&self, site: &Site, aim: &Aim, agent: &mut Running, seen: &mut Seen) -> String {
        while let Some((key, value)) = agent.said().await {
            match key.as_str() {
                "end" => return value,
                "got" => seen.reached.push(format!("the agent got {value}")),
                "ask" => {
                    let pid = agent.pid().map(Pid::new);
                    self.grant(site, aim, pid, &value, seen).await;
                    agent.answer("done").await;
                }
                other => panic!("an agent says {other} {value}"),
            }
        }
        "DIED".to_owned()
    }

    /// What an agent may ask of the world around it.
    async fn grant(&self, site: &Site, aim: &Aim, agent: Option<Pid>, what: &str, seen: &mut Seen) {
        match what.split(' ').collect::<Vec<_>>().as_slice() {
            ["dial", kind, to] => {
                let to: SocketAddr = to.parse().expect("an address");
                let datagram = *kind == "udp";
                let heard = if to.ip().is_loopback() {
                    let from = SocketAddr::new(to.ip(), 0);
                    tokio::task::spawn_blocking(move || crate::witness::dial(from, to, datagram))
                        .await
                        .expect("no panic")
                } else {
                    // One that may be answered comes from where no witness looks.
                    site.far
                        .dial(aim, to, datagram, self.attempt.inbound.is_some())
                };
                if heard.contains(&aim.token) {
                    seen.reached.push("who dialled it: an answer".to_owned());
                }
            }
            ["ping-for-all"] => {
                site.let_everyone_ping();
            }
            // What the daemon does when it tags a cgroup, and then every so often.
            ["scan"] if self.governed.is_some() => {
                let spared = Spared {
                    port: self.engine,
                    rules: &Rules::default(),
                };
                let found = Established::of(self.cgroup).close(spared);
                seen.destroyed += found.expect("a scan").len();
            }
            ["scan"] => {}
            ["join"] => {
                let moved = self.cgroup.add(agent.expect("it runs"));
                moved.expect("root may move it");
            }
            _ => panic!("an agent asks for {what}"),
        }
    }
}

/// What was seen while the agent ran.
#[derive(Default)]
struct Seen {
    reached: Vec<String>,
    destroyed: usize,
}

/// Addresses and a witness that no other attempt uses.
pub(crate) fn take_aim(site: &Site, cgroup: &Cgroup, engine: u16) -> (Aim, Near) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let token = format!("weir-{:08x}-{count:06}", std::process::id());
    let [.., high, low] = count.to_be_bytes();
    let unix = site.scratch.join(format!("witness-{token}"));
    let near = Near::new(&format!("127.77.{high}.{low}"), &unix);
    let (far4, far6) = site.far.fresh();
    let text = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let aim = Aim {
        far4,
        far6,
        near4: near.v4,
        near6: near.v6,
        host4: site.far.host4(),
        host6: site.far.host6(),
        device: site.far.device.clone(),
        token,
        engine,
        cgroup: text(cgroup.path()),
        outside: text(site.outside.path()),
        scratch: text(&site.scratch),
    };
    (aim, near)
}
