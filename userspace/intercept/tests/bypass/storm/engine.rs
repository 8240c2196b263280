//! An engine in a process of its own, so that it can be killed.

use std::{path::PathBuf, process::Stdio, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
};
use weir_intercept::{AcceptError, Intercepted, Interceptor, Options, Rules, cgroup::Cgroup};

use crate::bed::Pins;

pub(super) struct Engine {
    child: Child,
    pub(super) port: u16,
}

impl Engine {
    /// Starts one on these pins, and waits until it listens and governs these cgroups.
    pub(super) async fn start(pins: &Pins, cgroups: &[Cgroup]) -> Self {
        let cgroups: Vec<_> = cgroups
            .iter()
            .map(|cgroup| cgroup.path().to_str().expect("text"))
            .collect();
        let mut child = Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "storm::engine::process"])
            .args(["--nocapture", "--test-threads=1"])
            .env("WEIR_BYPASS_PINS", &pins.0)
            .env("WEIR_BYPASS_CGROUPS", cgroups.join(" "))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the test binary starts again");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(port) = line.strip_prefix("=port ") {
                let port = port.parse().expect("a port");
                return Self { child, port };
            }
        }
        panic!("an engine did not start")
    }

    pub(super) async fn kill(&mut self) {
        self.child.kill().await.expect("it was running");
    }
}

/// Not a test: the process of such an engine.
#[test]
#[ignore = "the engine's own process, which the storm starts"]
fn process() {
    let variable = |name: &str| std::env::var(name).expect("started by the storm");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let weir = Interceptor::start(Options {
            pin_dir: PathBuf::from(variable("WEIR_BYPASS_PINS")),
            ..Options::default()
        });
        let weir = Arc::new(weir.expect("an engine"));
        for cgroup in variable("WEIR_BYPASS_CGROUPS").split(' ') {
            let cgroup = Cgroup::resolve(cgroup).expect("a cgroup");
            weir.tag(&cgroup, &Rules::default()).expect("a tag");
        }
        println!("\n=port {}", weir.status().port);
        let mut refusals = weir.take_refusals().expect("nobody took them");
        tokio::spawn(async move { while refusals.next().await.is_some() {} });
        loop {
            match weir.accept().await {
                Ok(intercepted) => drop(tokio::spawn(answer(intercepted))),
                Err(AcceptError::Unattributed { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
}

/// Says where the client wanted to go and which workload it is of, as the kernel told.
async fn answer(mut intercepted: Intercepted) {
    let (to, workload) = (intercepted.orig_dst, intercepted.facts.workload);
    let said = format!("weir {} {}\n", to.get(), workload.get());
    // A client that is gone has no use for it.
    let _read = intercepted.io.read(&mut [0; 64]).await;
    let _written = intercepted.io.write_all(said.as_bytes()).await;
}
