//! Two hosts on a wire, each a network namespace: the workload's and its target's. The test's own
//! host has no way to either.

use std::{
    fs::File,
    io::Write as _,
    net::{IpAddr, SocketAddr, TcpListener},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, setns};

pub(super) struct Pair {
    name: String,
}

fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output();
    let output = output.expect("ip is installed");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

impl Pair {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("weir{}-{count}", std::process::id());
        let pair = Self { name };
        let (own, target) = (pair.own(), pair.there());
        ip(&format!("netns add {own}"));
        ip(&format!("netns add {target}"));
        ip(&format!(
            "-n {own} link add wire type veth peer name wire netns {target}"
        ));
        for (host, address) in [(&own, pair.own_address()), (&target, pair.target_address())] {
            ip(&format!("-n {host} address add {address}/30 dev wire"));
            ip(&format!("-n {host} link set wire up"));
            ip(&format!("-n {host} link set lo up"));
        }
        pair
    }

    fn own(&self) -> String {
        format!("{}-own", self.name)
    }

    fn there(&self) -> String {
        format!("{}-there", self.name)
    }

    pub(super) fn path(&self) -> String {
        format!("/run/netns/{}", self.own())
    }

    pub(super) fn own_address(&self) -> IpAddr {
        IpAddr::from([198, 18, 77, 1])
    }

    fn target_address(&self) -> IpAddr {
        IpAddr::from([198, 18, 77, 2])
    }

    /// A listener on the target's host.
    pub(super) fn target(&self) -> Far {
        let namespace = File::open(format!("/run/netns/{}", self.there())).expect("a namespace");
        let address = SocketAddr::new(self.target_address(), 0);
        let reached = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reached);
        let listener = thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("to enter");
            TcpListener::bind(address).expect("a listener")
        });
        let listener = listener.join().expect("a listener");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            while let Ok((mut stream, from)) = listener.accept() {
                seen.lock().expect("no panic").push(from.ip());
                let _gone = stream.write_all(b"target\n");
            }
        });
        Far { address, reached }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for host in [self.own(), self.there()] {
            let _gone = Command::new("ip").args(["netns", "delete", &host]).output();
        }
    }
}

/// The target, and who reached it.
pub(super) struct Far {
    pub(super) address: SocketAddr,
    reached: Arc<Mutex<Vec<IpAddr>>>,
}

impl Far {
    pub(super) fn reached(&self) -> Vec<IpAddr> {
        self.reached.lock().expect("no panic").clone()
    }

    pub(super) async fn reached_by(&self, from: IpAddr) {
        while self.reached() != [from] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
