//! Unix sockets of the host, dialled by a workload that may reach declared ones only.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
};

use weir_intercept::{Hook, Reason, Rules, UnixRule};

use crate::{
    bed::{Bed, Workload},
    child::Agent,
};

const SPELLINGS: [&str; 4] = ["bare", "ended", "padded", "trailed"];

/// Sockets of the host that everybody may dial.
struct Host {
    dir: PathBuf,
    listeners: Vec<UnixListener>,
    datagrams: Vec<UnixDatagram>,
}

impl Host {
    fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = PathBuf::from(format!(
            "/tmp/weir-test-unix-{}-{count}",
            std::process::id()
        ));
        std::fs::create_dir(&dir).expect("a directory");
        open(&dir);
        Self {
            dir,
            listeners: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    fn listener(&mut self, name: &str) -> String {
        let path = self.dir.join(name);
        self.listeners
            .push(UnixListener::bind(&path).expect("a listener"));
        open(&path);
        path.to_str().expect("text").to_owned()
    }

    fn datagram(&mut self, name: &str) -> String {
        let path = self.dir.join(name);
        self.datagrams
            .push(UnixDatagram::bind(&path).expect("a socket"));
        open(&path);
        path.to_str().expect("text").to_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let gone = std::fs::remove_dir_all(&self.dir);
        assert!(std::thread::panicking() || gone.is_ok(), "{gone:?}");
    }
}

fn open(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("a mode");
}

fn only(paths: &[&str]) -> Rules {
    Rules {
        unix: UnixRule::Only(paths.iter().map(PathBuf::from).collect()),
        ..Rules::default()
    }
}

fn open_rules() -> Rules {
    Rules {
        unix: UnixRule::Open,
        ..Rules::default()
    }
}

/// What an agent is told, in every spelling, dialling this.
async fn dialled(bed: &Bed, kind: &str, name: &str) -> Vec<String> {
    let report = bed.agent("unix", &[kind, name]).report().await;
    SPELLINGS
        .map(|spelt| report.get(&format!("{name}:{spelt}")).to_owned())
        .to_vec()
}

#[tokio::test]
async fn a_workload_reaches_no_socket_that_is_not_declared() {
    let mut host = Host::new();
    let stream = host.listener("stream");
    let datagram = host.datagram("datagram");
    let outside = Agent::new("unix", &["stream", &stream]).report().await;
    assert_eq!(
        outside.get(&format!("{stream}:bare")),
        "OK",
        "nothing else stops it"
    );

    let mut bed = Bed::with_rules(&only(&[]));
    assert_eq!(dialled(&bed, "stream", &stream).await, ["EPERM"; 4]);
    assert_eq!(dialled(&bed, "datagram", &datagram).await, ["EPERM"; 4]);
    let (_, refusal) = bed.refused(bed.agent("unix", &["packet", &stream])).await;
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Unix, Reason::UnixSocket)
    );
    assert_eq!(refusal.facts.workload, bed.id);
    assert!(refusal.facts.pid.is_some());
    assert_eq!(refusal.destination, None);
}

#[tokio::test]
async fn abstract_sockets_are_refused() {
    let name = format!("weir-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let _listener = UnixListener::bind_addr(&address).expect("a listener");
    let name = format!("@{name}");
    let outside = Agent::new("unix", &["stream", &name]).report().await;
    assert_eq!(outside.get(&format!("{name}:bare")), "OK");
    let bed = Bed::with_rules(&only(&[]));
    assert_eq!(dialled(&bed, "stream", &name).await, ["EPERM"; 4]);
}

#[tokio::test]
async fn a_declared_socket_is_reached_however_it_is_spelt_and_its_neighbours_are_not() {
    let mut host = Host::new();
    let [ours, longer, shorter] = ["socket", "socket2", "socke"].map(|name| host.listener(name));
    let datagram = host.datagram("datagram");
    let bed = Bed::with_rules(&only(&[&ours, &datagram]));
    assert_eq!(dialled(&bed, "stream", &ours).await, ["OK"; 4]);
    assert_eq!(dialled(&bed, "datagram", &datagram).await, ["OK"; 4]);
    for other in [&longer, &shorter] {
        assert_eq!(dialled(&bed, "stream", other).await, ["EPERM"; 4]);
    }
    // Another name of the same socket isn't the declared one.
    let around = ours.replace("/tmp/", "/tmp/../tmp/");
    assert_eq!(dialled(&bed, "stream", &around).await, ["EPERM"; 4]);
}

#[tokio::test]
async fn the_longest_name_is_a_name_too() {
    let mut host = Host::new();
    let fill = 107 - host.dir.as_os_str().len() - 1;
    let ours = host.listener(&"x".repeat(fill));
    assert_eq!(ours.len(), 107);
    let bed = Bed::with_rules(&only(&[&ours]));
    assert_eq!(dialled(&bed, "stream", &ours).await[..3], ["OK"; 3]);
    // One byte more than can be declared, and no NUL that ends it.
    let longer = format!("{ours}x");
    assert_eq!(dialled(&bed, "stream", &longer).await[..3], ["EPERM"; 3]);
}

#[tokio::test]
async fn a_socket_made_before_joining_is_refused() {
    let mut host = Host::new();
    let stream = host.listener("stream");
    let mut bed = Bed::with_rules(&only(&[]));
    let cgroup = bed.workload.0.path().to_str().expect("text").to_owned();
    let agent = Agent::new("unix-joined", &[&cgroup, "stream", &stream]).with_root();
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("dial"), "EPERM");
    assert_eq!(refusal.hook, Hook::Unix);
}

#[tokio::test]
async fn in_a_user_namespace_of_its_own_no_name_means_what_it_says() {
    let mut host = Host::new();
    let ours = host.listener("socket");
    let bed = Bed::with_rules(&only(&[&ours]));
    let report = bed
        .agent("unix-namespaced", &["stream", &ours])
        .report()
        .await;
    assert_eq!(report.get("dial"), "EPERM");
    let free = Bed::with_rules(&open_rules());
    let agent = free.agent("unix-namespaced", &["stream", &ours]);
    assert_eq!(
        agent.report().await.get("dial"),
        "OK",
        "nothing else stops it"
    );
}

#[tokio::test]
async fn a_name_that_was_mounted_over_is_refused_whatever_credentials_dial_it() {
    let mut host = Host::new();
    let [ours, secret] = ["socket", "secret"].map(|name| host.listener(name));
    let bed = Bed::with_rules(&only(&[&ours]));
    let report = bed.agent("unix-remounted", &[&secret, &ours]);
    assert_eq!(report.report().await.get("dial"), "EPERM");
    let free = Bed::with_rules(&open_rules());
    let agent = free.agent("unix-remounted", &[&secret, &ours]);
    assert_eq!(
        agent.report().await.get("dial"),
        "OK",
        "nothing else stops it"
    );
}

#[tokio::test]
async fn pairs_work_and_sockets_of_its_own_must_be_declared() {
    let host = Host::new();
    let path = host.dir.join("own");
    let path = path.to_str().expect("text");
    for (rules, own) in [
        (only(&[]), "EPERM"),
        (only(&[path]), "OK"),
        (open_rules(), "OK"),
    ] {
        let bed = Bed::with_rules(&rules);
        let report = bed.agent("unix-own", &[path]).report().await;
        assert_eq!(report.get("pair"), "OK");
        assert_eq!(report.get("own"), own);
        std::fs::remove_file(path).expect("a socket");
    }
}

#[tokio::test]
async fn what_is_declared_for_one_workload_is_not_for_another() {
    let mut host = Host::new();
    let ours = host.listener("socket");
    let bed = Bed::with_rules(&only(&[&ours]));
    let other = Workload::new();
    let id = bed.weir.tag(&other.0, &only(&[])).expect("a tag");
    let agent = || Agent::new("unix", &["stream", &ours]).within(&other.0);
    let key = format!("{ours}:ended");
    assert_eq!(agent().report().await.get(&key), "EPERM");
    bed.weir.tag(&other.0, &open_rules()).expect("other rules");
    assert_eq!(agent().report().await.get(&key), "OK");
    bed.weir.tag(&other.0, &only(&[])).expect("the first again");
    assert_eq!(agent().report().await.get(&key), "EPERM");
    bed.weir.untag(id).expect("to let it go");
    assert_eq!(agent().report().await.get(&key), "OK");
}

#[tokio::test]
async fn it_stays_so_without_the_engine_and_is_lifted_with_it() {
    let mut host = Host::new();
    let stream = host.listener("stream");
    let ground = crate::bed::Ground::new();
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &only(&[])).expect("a tag");
    let agent = || Agent::new("unix", &["stream", &stream]).within(&ground.workload.0);
    let key = format!("{stream}:ended");
    drop(weir);
    assert_eq!(agent().report().await.get(&key), "EPERM");
    let again = ground.start("engine").expect("an engine over its pins");
    assert_eq!(agent().report().await.get(&key), "EPERM");
    again.remove().expect("to lift it");
    assert_eq!(agent().report().await.get(&key), "OK");
}
