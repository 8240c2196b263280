//! What every attempt stands on: an engine that answers what is handed to it and notes what it is
//! told, witnesses that it never admits, and cgroups.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use weir_intercept::{
    AcceptError, CgroupId, Intercepted, Interceptor, KernelRefusal, Options, Pid,
    cgroup::Cgroup,
    doctor::{self, Outcome, Probe},
};

use crate::{child, vector::Attempt, witness::Far};

/// What the engine saw or was told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A connection of a workload, and where it wanted to go.
    Handed(CgroupId, SocketAddr),
    /// A connection that nothing is known of was dropped.
    Dropped,
    /// A connection from before was found and destroyed.
    Destroyed,
    /// The kernel refused.
    Refused(KernelRefusal),
}

/// Where attempts are made, with or without an engine.
pub(crate) struct Site {
    pub(crate) far: Far,
    pub(crate) scratch: PathBuf,
    /// Belongs to the agents' user, and nobody governs it.
    pub(crate) outside: Cgroup,
    base: Cgroup,
    /// Who could have a ping socket before the suite changed it.
    pingers: OnceLock<String>,
}

/// The groups that may have a ping socket (ip-sysctl).
const PINGERS: &str = "/proc/sys/net/ipv4/ping_group_range";

impl Site {
    pub(crate) fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests load eBPF programs and make cgroups: run them as root"
        );
        let own = std::process::id();
        let base = cgroup(format!("/weir-bypass-{own}"));
        // The engine and the witnesses live here, and move no further.
        let home = cgroup(format!("/weir-bypass-{own}/home"));
        home.add(Pid::new(own)).expect("to move into it");
        let outside = cgroup(format!("/weir-bypass-{own}/outside"));
        child::delegate(&outside);
        let scratch = std::env::temp_dir().join(format!("weir-bypass-{own}"));
        std::fs::create_dir(&scratch).expect("a directory");
        child::give(&scratch);
        Self {
            far: Far::new(),
            scratch,
            outside,
            base,
            pingers: OnceLock::new(),
        }
    }

    /// Until the site is left.
    pub(crate) fn let_everyone_ping(&self) {
        self.pingers.get_or_init(|| {
            let before = std::fs::read_to_string(PINGERS).expect("a setting");
            std::fs::write(PINGERS, "0 2147483647").expect("a setting");
            before
        });
    }

    /// A cgroup of its own, for one agent.
    pub(crate) fn cgroup(&self, name: &str) -> Cgroup {
        let cgroup = Cgroup::resolve(self.base.path().join(name)).expect("a path");
        cgroup.create().expect("a cgroup");
        cgroup
    }
}

fn cgroup(path: String) -> Cgroup {
    let cgroup = Cgroup::resolve(path).expect("a cgroup v2 mount");
    cgroup.create().expect("a cgroup");
    cgroup
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(before) = self.pingers.get() {
            let restored = std::fs::write(PINGERS, before);
            assert!(std::thread::panicking() || restored.is_ok(), "{restored:?}");
        }
        let left = Cgroup::resolve("/").and_then(|root| root.add(Pid::new(std::process::id())));
        let gone = left
            .and_then(|()| self.base.kill_all())
            .and_then(|()| self.base.remove());
        let swept = std::fs::remove_dir_all(&self.scratch);
        assert!(std::thread::panicking() || gone.is_ok(), "{gone:?}");
        assert!(std::thread::panicking() || swept.is_ok(), "{swept:?}");
    }
}

/// The pins of this run alone, lifted when it is over. Other instances are none of its business.
pub(crate) struct Pins(pub(crate) PathBuf);

impl Pins {
    pub(crate) fn new() -> Self {
        let base = format!("/sys/fs/bpf/weir-bypass-{}", std::process::id());
        Self(PathBuf::from(base).join("engine"))
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            pin_dir: self.0.clone(),
            ..Options::default()
        }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        // An engine that was killed with its test holds them a moment longer.
        let mut lifted = weir_intercept::uninstall(&self.0);
        for _ in 0..100 {
            if lifted.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            lifted = weir_intercept::uninstall(&self.0);
        }
        assert!(std::thread::panicking() || lifted.is_ok(), "{lifted:?}");
        let gone = self.0.parent().map(std::fs::remove_dir);
        assert!(
            std::thread::panicking() || matches!(gone, Some(Ok(()))),
            "{gone:?}"
        );
    }
}

/// An engine at a site.
pub(crate) struct Bed<'a> {
    pub(crate) weir: Arc<Interceptor>,
    pub(crate) port: u16,
    pub(crate) site: &'a Site,
    events: Arc<Mutex<Vec<Event>>>,
    /// What this host can do, as the doctor tells.
    probes: Vec<Probe>,
}

impl<'a> Bed<'a> {
    /// Within a runtime, whose end is the engine's.
    pub(crate) fn new(site: &'a Site, pins: &Pins) -> Self {
        let weir = Arc::new(Interceptor::start(pins.options()).expect("an engine"));
        let port = weir.status().port;
        let events = Arc::default();
        serve(&weir, &events);
        answer_questions(&weir, &events);
        listen(&weir, &events);
        Self {
            weir,
            port,
            site,
            events,
            probes: doctor::probe(),
        }
    }

    /// The probe that an attempt needs to be closed, if the doctor says that it did not go well.
    pub(crate) fn lacks(&self, attempt: &Attempt) -> Option<&Probe> {
        let needed = attempt.needs?;
        let probe = self.probes.iter().find(|probe| probe.name == needed);
        let probe = probe.expect("the doctor tries it");
        (probe.outcome != Outcome::Ok).then_some(probe)
    }

    /// What has happened since it was last forgotten.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn forget(&self) {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.site.far.forget();
    }
}

fn note(events: &Mutex<Vec<Event>>, event: Event) {
    events
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(event);
}

fn serve(weir: &Arc<Interceptor>, events: &Arc<Mutex<Vec<Event>>>) {
    let (weir, events) = (Arc::clone(weir), Arc::clone(events));
    tokio::spawn(async move {
        loop {
            match weir.accept().await {
                Ok(intercepted) => {
                    let workload = intercepted.facts.workload;
                    note(&events, Event::Handed(workload, intercepted.orig_dst.get()));
                    tokio::spawn(answer(intercepted));
                }
                Err(AcceptError::Unattributed { .. }) => note(&events, Event::Dropped),
                Err(error) => panic!("{error}"),
            }
        }
    });
}

fn answer_questions(weir: &Arc<Interceptor>, events: &Arc<Mutex<Vec<Event>>>) {
    let (weir, events) = (Arc::clone(weir), Arc::clone(events));
    tokio::spawn(async move {
        loop {
            let asked = weir.datagram().await.expect("a datagram");
            let to = asked.orig_dst.get();
            note(&events, Event::Handed(asked.facts.workload, to));
            // An agent that is gone has no use for an answer.
            let _sent = asked.reply(b"weir").await;
        }
    });
}

async fn answer(mut intercepted: Intercepted) {
    // An agent that hangs up has no use for an answer.
    let _read = intercepted.io.read(&mut [0; 256]).await;
    let _written = intercepted.io.write_all(b"weir\n").await;
}

fn listen(weir: &Interceptor, events: &Arc<Mutex<Vec<Event>>>) {
    let mut refusals = weir.take_refusals().expect("nobody took them");
    let events = Arc::clone(events);
    tokio::spawn(async move {
        while let Some(refusal) = refusals.next().await {
            note(&events, Event::Refused(refusal));
        }
    });
}
