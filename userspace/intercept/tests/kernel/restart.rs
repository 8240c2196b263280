//! An engine that dies fails closed, and one started on its pins takes over.

use std::{
    os::fd::{AsFd as _, AsRawFd as _, IntoRawFd as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use aya::maps::{Array, HashMap, Map, MapData};
use weir_abi::{ConnectFacts, FlowKey, SETTINGS_INDEX, Settings};
use weir_intercept::{InterceptError, Interceptor, Options, Rules, cgroup::Cgroup};

use crate::{
    agent,
    bed::Ground,
    child::{Agent, Running},
    serve::{Target, while_serving},
};

/// The agents' task of being an engine: serves until let go, then lifts all, or leaves it.
pub(super) fn engine(pin_dir: &str, rest: &[&str]) {
    let (end, cgroups) = rest.split_first().expect("how to end");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let options = Options {
            pin_dir: PathBuf::from(pin_dir),
            inherited: Vec::new(),
        };
        let weir = Interceptor::start(options).expect("an engine");
        for path in cgroups {
            weir.tag(&Cgroup::resolve(path).expect("a path"), &Rules::default())
                .expect("a tag");
        }
        agent::say(
            "home",
            Cgroup::current().expect("a cgroup").path().display(),
        );
        // Left open, for who would take them.
        let listeners: Vec<String> = weir
            .listeners()
            .into_iter()
            .map(|listener| listener.into_raw_fd().to_string())
            .collect();
        agent::say("listeners", listeners.join(" "));
        agent::say("ready", weir.status().port);
        while_serving(&weir, tokio::task::spawn_blocking(agent::wait))
            .await
            .0
            .expect("no panic");
        if *end == "remove" {
            weir.remove().expect("to lift all");
        }
    });
}

/// The table of handshakes of the instance pinned here.
pub(crate) fn flows(pin_dir: &Path) -> HashMap<MapData, FlowKey, ConnectFacts> {
    let data = MapData::from_pin(pin_dir.join("maps/FLOWS")).expect("a pinned map");
    Map::from_map_data(data)
        .expect("a map")
        .try_into()
        .expect("a hash")
}

/// No entry of a handshake is left behind, as soon as the kernel has closed the last socket.
pub(crate) fn no_flows_left(pin_dir: &Path) {
    let flows = flows(pin_dir);
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left: Vec<FlowKey> = flows.keys().filter_map(Result::ok).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An engine in another process, which can be killed.
async fn spawn(ground: &Ground, end: &str) -> Running {
    let pin_dir = ground.pins.0.join("engine");
    let workload = ground.workload.0.path().to_str().expect("text").to_owned();
    let args = [pin_dir.to_str().expect("text"), end, &workload];
    let mut engine = Agent::new("engine", &args).with_root().spawn();
    engine.wait_for("ready").await;
    engine
}

async fn said(ground: &Ground, task: &str, to: &str, key: &str) -> String {
    let report = Agent::new(task, &[to])
        .within(&ground.workload.0)
        .report()
        .await;
    report.get(key).to_owned()
}

#[tokio::test]
async fn a_killed_engine_leaves_nothing_open_and_the_next_takes_over() {
    let ground = Ground::new();
    let target = Target::new("127.77.3.1").await;
    let to = target.address.to_string();
    let engine = spawn(&ground, "stay").await;
    assert_eq!(
        said(&ground, "connect", &to, "answer").await,
        format!("weir {to}")
    );

    engine.kill().await;
    assert_eq!(
        said(&ground, "connect", &to, "connect").await,
        "ECONNREFUSED"
    );
    assert_eq!(
        said(&ground, "connect", "[2001:db8::1]:80", "connect").await,
        "ECONNREFUSED"
    );
    assert_eq!(said(&ground, "ask", &to, "ask").await, "EPERM");
    let args = [libc::AF_INET, libc::SOCK_RAW, 6].map(|number| number.to_string());
    let args = args.each_ref().map(String::as_str);
    let raw = Agent::new("socket", &args)
        .within(&ground.workload.0)
        .with_root()
        .report()
        .await;
    assert_eq!(raw.get("socket"), "EPERM");
    no_flows_left(&ground.pins.0.join("engine"));

    let engine = spawn(&ground, "stay").await;
    assert_eq!(
        said(&ground, "connect", &to, "answer").await,
        format!("weir {to}")
    );
    drop(engine.report().await);
    assert_eq!(target.reached(), 0, "nothing ever went past the weir");
}

#[tokio::test]
async fn an_agent_that_never_stops_dialling_never_gets_past() {
    let ground = Ground::new();
    let target = Target::new("127.77.3.2").await;
    let to = target.address.to_string();
    let mut engine = spawn(&ground, "stay").await;
    let mut agent = Agent::new("again", &[&to])
        .within(&ground.workload.0)
        .spawn();
    for _ in 0..3 {
        agent.wait_for("counts").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        engine.kill().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        engine = spawn(&ground, "stay").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let report = agent.report().await;
    let counts: Vec<u32> = report
        .get("counts")
        .split(' ')
        .map(|count| count.parse().expect("a number"))
        .collect();
    let [weir, wrong, failed] = counts[..] else {
        panic!("{counts:?}")
    };
    assert!(
        weir > 0 && failed > 0,
        "both were seen: {weir} through weir, {failed} failed"
    );
    assert_eq!((wrong, target.reached()), (0, 0), "{report:?}");
    drop(engine.report().await);
}

#[tokio::test]
async fn refusals_of_the_time_without_an_engine_are_told_to_the_next() {
    let ground = Ground::new();
    let engine = spawn(&ground, "stay").await;
    engine.kill().await;
    assert_eq!(
        said(&ground, "ask", "127.77.3.3:4433", "ask").await,
        "EPERM"
    );

    let weir = ground.start("engine").expect("an engine");
    let refusal = weir
        .take_refusals()
        .expect("refusals")
        .next()
        .await
        .expect("one");
    assert_eq!(
        refusal.destination,
        Some("127.77.3.3:4433".parse().expect("an address"))
    );
    assert!(weir.take_refusals().is_none(), "there is one stream");
}

#[tokio::test]
async fn one_engine_a_pin_directory() {
    let ground = Ground::new();
    let first = ground.start("engine").expect("an engine");
    let second = ground.start("engine");
    assert!(
        matches!(second, Err(InterceptError::InUse { .. })),
        "{second:?}"
    );
    let path = ground.pins.0.join("engine");
    let uninstalled = weir_intercept::uninstall(&path);
    assert!(
        matches!(uninstalled, Err(InterceptError::InUse { .. })),
        "{uninstalled:?}"
    );
    drop(first);
    drop(
        ground
            .start("engine")
            .expect("the lock goes with the engine"),
    );
}

#[tokio::test]
async fn pins_of_another_version_are_not_read_askew() {
    let ground = Ground::new();
    drop(ground.start("engine").expect("an engine"));
    let settings = ground.pins.0.join("engine/maps/SETTINGS");
    std::fs::remove_file(&settings).expect("a pin");
    let other = Array::<_, [u64; 3]>::create(1, 0).expect("a map");
    other.pin(&settings).expect("a pin");
    let refused = ground.start("engine");
    assert!(
        matches!(&refused, Err(InterceptError::Incompatible { path }) if *path == settings),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_abi_of_another_version_is_refused_and_stays_in_force() {
    let ground = Ground::new();
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    drop(weir);
    let data = MapData::from_pin(ground.pins.0.join("engine/maps/SETTINGS")).expect("a pin");
    let map = Map::from_map_data(data).expect("a map");
    let mut settings = Array::<_, Settings>::try_from(map).expect("an array");
    let mut written = settings.get(&SETTINGS_INDEX, 0).expect("to read");
    written.abi += 1;
    settings.set(SETTINGS_INDEX, written, 0).expect("to write");
    let refused = ground.start("engine");
    assert!(
        matches!(refused, Err(InterceptError::Incompatible { .. })),
        "{refused:?}"
    );
    assert_eq!(
        said(&ground, "connect", "127.77.3.4:80", "connect").await,
        "ECONNREFUSED"
    );
}

/// Makes a map one that userspace can't write any more (bpf(2), `BPF_MAP_FREEZE`).
fn freeze(map: &MapData) {
    const BPF_MAP_FREEZE: libc::c_long = 22;
    let fd = map.fd().as_fd().as_raw_fd();
    // SAFETY: the command reads one open descriptor's number.
    let outcome = unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_FREEZE, &raw const fd, 4) };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing() {
    let ground = Ground::new();
    let path = ground.pins.0.join("engine");
    drop(ground.start("engine").expect("an engine"));
    freeze(&MapData::from_pin(path.join("maps/SERVED")).expect("a pin"));
    let refused = ground.start("engine");
    assert!(
        matches!(refused, Err(InterceptError::Map { .. })),
        "{refused:?}"
    );
    assert!(!path.exists(), "nothing is governed, so nothing is left");
    drop(
        ground
            .start("engine")
            .expect("and the next start is afresh"),
    );
}

#[tokio::test]
async fn an_engine_started_in_the_root_cgroup_makes_a_home_and_leaves_it() {
    let ground = Ground::new();
    let pin_dir = ground.pins.0.join("homeless");
    let args = [pin_dir.to_str().expect("text"), "remove"];
    let root = Cgroup::resolve("/").expect("a mount");
    let mut engine = Agent::new("engine", &args)
        .within(&root)
        .with_root()
        .spawn();
    let home = engine.wait_for("home").await;
    let expected = Cgroup::resolve("/weir.engine/homeless").expect("a path");
    assert_eq!(Path::new(&home), expected.path());
    engine.wait_for("ready").await;
    let pid = weir_intercept::Pid::new(engine.pid());
    assert_eq!(expected.procs().expect("it exists"), [pid]);
    drop(engine.report().await);
    assert!(!expected.path().exists(), "the home goes with the engine");
    assert!(!pin_dir.exists(), "and so do the pins");
}

#[tokio::test]
async fn uninstalling_clears_the_home_of_an_engine_that_was_killed() {
    let ground = Ground::new();
    let pin_dir = ground.pins.0.join("killed-homeless");
    let args = [pin_dir.to_str().expect("text"), "stay"];
    let root = Cgroup::resolve("/").expect("a mount");
    let mut engine = Agent::new("engine", &args)
        .within(&root)
        .with_root()
        .spawn();
    let home = PathBuf::from(engine.wait_for("home").await);
    engine.wait_for("ready").await;
    engine.kill().await;
    assert!(home.exists());
    weir_intercept::uninstall(&pin_dir).expect("to uninstall");
    assert!(!home.exists());
}
