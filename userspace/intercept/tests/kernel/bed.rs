//! What every test stands on: a cgroup for the workload, an engine, agents in other processes.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::time::timeout;
use weir_intercept::{
    CgroupId, InterceptError, Interceptor, KernelRefusal, Options, Pid, Refusals, Rules,
    cgroup::Cgroup,
};

use crate::{
    SOON,
    child::{Agent, Report},
    serve::{Caught, while_serving},
};

/// Where this run's pins and cgroups are. Other instances are none of its business.
fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{what}-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The test process itself, in a cgroup of its own while any test needs it: engines in it then stay
/// there, and no test moves the process from under another.
struct Settled;

static SETTLED: Mutex<u32> = Mutex::new(0);

fn own_cgroup() -> Cgroup {
    Cgroup::resolve(format!("/weir-test-{}", std::process::id())).expect("a cgroup v2 mount")
}

fn own_pid() -> Pid {
    Pid::new(std::process::id())
}

impl Settled {
    fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests load eBPF programs and make cgroups: run them as root"
        );
        let mut count = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == 0 {
            own_cgroup().create().expect("a cgroup for the tests");
            own_cgroup().add(own_pid()).expect("to move into it");
        }
        *count += 1;
        Self
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        let mut count = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
        *count -= 1;
        if *count == 0 {
            let left = Cgroup::resolve("/").and_then(|root| root.add(own_pid()));
            // Engines' homes and agents' cgroups are elsewhere: nothing else is in it.
            let removed = left.and_then(|()| own_cgroup().remove());
            assert!(std::thread::panicking() || removed.is_ok(), "{removed:?}");
        }
    }
}

/// A cgroup that is emptied and removed with the test.
pub(crate) struct Workload(pub(crate) Cgroup);

impl Workload {
    pub(crate) fn new() -> Self {
        let cgroup = Cgroup::resolve(format!("/{}", unique("weir-test-agent"))).expect("a mount");
        cgroup.create().expect("a cgroup");
        Self(cgroup)
    }

    /// A cgroup below this one.
    pub(crate) fn below(&self, name: &str) -> Cgroup {
        let cgroup = Cgroup::resolve(self.0.path().join(name)).expect("a path");
        cgroup.create().expect("a cgroup");
        cgroup
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        let gone = self.0.kill_all().and_then(|()| self.0.remove());
        assert!(std::thread::panicking() || gone.is_ok(), "{gone:?}");
    }
}

/// A directory for instances' pins, lifted and removed with the test.
pub(crate) struct PinBase(pub(crate) PathBuf);

impl PinBase {
    pub(crate) fn new() -> Self {
        Self(PathBuf::from("/sys/fs/bpf").join(unique("weir-test")))
    }

    pub(crate) fn options(&self, instance: &str) -> Options {
        Options {
            pin_dir: self.0.join(instance),
            inherited: Vec::new(),
        }
    }
}

impl Drop for PinBase {
    fn drop(&mut self) {
        let Ok(entries) = std::fs::read_dir(&self.0) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let lifted = weir_intercept::uninstall(&entry.path());
            assert!(std::thread::panicking() || lifted.is_ok(), "{lifted:?}");
        }
        let removed = std::fs::remove_dir(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "{removed:?}");
    }
}

/// An engine with one tagged cgroup. Fields drop in order: the engine first, what it stood on last.
pub(crate) struct Bed {
    pub(crate) weir: Interceptor,
    pub(crate) refusals: Refusals,
    pub(crate) id: CgroupId,
    pub(crate) workload: Workload,
    pub(crate) pins: PinBase,
    _settled: Settled,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::with_rules(&Rules::default())
    }

    pub(crate) fn with_rules(rules: &Rules) -> Self {
        let ground = Ground::new();
        let weir = ground.start("engine").expect("an engine");
        let id = weir.tag(&ground.workload.0, rules).expect("a tag");
        let refusals = weir.take_refusals().expect("nobody took them");
        let Ground {
            workload,
            pins,
            settled,
        } = ground;
        Self {
            weir,
            refusals,
            id,
            workload,
            pins,
            _settled: settled,
        }
    }

    /// An agent in the tagged cgroup.
    pub(crate) fn agent(&self, task: &str, args: &[&str]) -> Agent {
        Agent::new(task, args).within(&self.workload.0)
    }

    /// Runs an agent to its end while the engine serves it.
    pub(crate) async fn run(&self, task: &str, args: &[&str]) -> (Report, Vec<Caught>) {
        while_serving(&self.weir, self.agent(task, args).report()).await
    }

    /// Runs an agent that the kernel is to refuse once; what it said, and what the kernel did.
    pub(crate) async fn refused(&mut self, agent: Agent) -> (Report, KernelRefusal) {
        let report = agent.report().await;
        let refusal = timeout(SOON, self.refusals.next())
            .await
            .unwrap_or_else(|_| panic!("no refusal was told; the agent said {report:?}"))
            .expect("a refusal");
        (report, refusal)
    }
}

/// What an engine needs, for the tests that start their own.
pub(crate) struct Ground {
    pub(crate) workload: Workload,
    pub(crate) pins: PinBase,
    settled: Settled,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let settled = Settled::new();
        Self {
            workload: Workload::new(),
            pins: PinBase::new(),
            settled,
        }
    }

    pub(crate) fn start(&self, instance: &str) -> Result<Interceptor, InterceptError> {
        Interceptor::start(self.pins.options(instance))
    }

    /// Tries what a program of the workload's refuses: it is pinned there under this name, outlives
    /// the engine, is replaced by the next one's, and goes with the tag.
    pub(crate) async fn outlives_the_engine(&self, pin: &str, tried: impl AsyncFn() -> String) {
        let weir = self.start("engine").expect("an engine");
        let id = weir
            .tag(&self.workload.0, &Rules::default())
            .expect("a tag");
        let pin = self.pins.0.join(format!("engine/cgroup-{id}/{pin}"));
        assert!(pin.exists());
        assert_eq!(tried().await, "EPERM");
        drop(weir);
        assert_eq!(tried().await, "EPERM", "nobody is needed for it");
        let weir = self.start("engine").expect("the next engine");
        assert_eq!(tried().await, "EPERM");
        weir.untag(id).expect("it was tagged");
        assert!(!pin.exists());
        assert_eq!(tried().await, "OK");
    }
}
