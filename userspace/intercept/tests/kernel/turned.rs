//! Packets to the engine's address that would make something leave the host: turned to a device, or
//! sent from an address of elsewhere, to which the answer would go.

use std::{
    io::Read as _,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    process::Command,
    time::Duration,
};

use tokio::time::timeout;
use weir_intercept::{Hook, Reason};

use crate::{
    SOON,
    bed::{Bed, Ground},
    child::{Agent, Report},
    dns::answer::while_answering,
};

/// A link whose far end is listened at. Both ends are on this host, and gone with the test.
struct Link {
    name: String,
    far: std::fs::File,
}

impl Link {
    fn new(what: &str) -> Self {
        let name = format!("wt{what}{}", std::process::id());
        let far = format!("{name}f");
        let add = ["link", "add", &name, "type", "veth", "peer", "name", &far];
        ip(&add);
        for end in [&name, &far] {
            // Its IPv6 address is to be good at once.
            let setting = format!("/proc/sys/net/ipv6/conf/{end}/accept_dad");
            std::fs::write(setting, "0").expect("a setting");
            ip(&["link", "set", end, "up"]);
        }
        // Of the range for tests between devices (RFC 2544); no route leads anywhere by it.
        ip(&["addr", "add", "198.18.53.1/32", "dev", &name]);
        let far = listen_at(&far).into();
        Self { name, far }
    }

    /// Whether anything came out at the far end that names this address, as every packet to it and
    /// every question for its neighbour does.
    fn saw(&mut self, address: IpAddr) -> bool {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        // What is sent has arrived when the call returns; a retransmission takes 200 ms.
        std::thread::sleep(Duration::from_millis(300));
        let mut frame = [0; 2048];
        while let Ok(length) = self.far.read(&mut frame) {
            if frame[..length]
                .windows(bytes.len())
                .any(|some| some == bytes)
            {
                return true;
            }
        }
        false
    }

    /// Whether anything for this host's own address came out.
    fn saw_loopback(&mut self) -> bool {
        self.saw(Ipv4Addr::LOCALHOST.into())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        ip(&["link", "del", &self.name]);
    }
}

fn ip(args: &[&str]) {
    let status = Command::new("ip").args(args).status().expect("ip runs");
    assert!(status.success() || std::thread::panicking(), "ip {args:?}");
}

/// A packet socket that takes every frame which arrives at this device.
fn listen_at(device: &str) -> OwnedFd {
    let every = u16::try_from(libc::ETH_P_ALL).expect("a protocol").to_be();
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // It takes nothing before it is bound: else it would have frames of all devices until then.
    // SAFETY: takes three numbers.
    let socket = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    assert!(socket >= 0, "a packet socket");
    // SAFETY: just opened, and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: plain integers and bytes; all zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a family");
    address.sll_protocol = every;
    let index = nix::net::if_::if_nametoindex(device).expect("a device");
    address.sll_ifindex = index.cast_signed();
    let length = u32::try_from(size_of_val(&address)).expect("a length");
    // SAFETY: an open descriptor and an initialised address of the length that is passed.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    assert_eq!(bound, 0, "to listen at {device}");
    socket
}

/// The trick works where nobody is in the way: something for 127.0.0.1 comes out of the device. On a
/// link of its own, which goes on asking for a while who that is.
async fn works_outside(what: &str, agent: impl FnOnce(&Link) -> Agent) {
    // Children are started in the tests' own cgroup, which is there as long as this is.
    let _ground = Ground::new();
    let mut link = Link::new(what);
    assert!(!link.saw_loopback(), "a silent link");
    let report = agent(&link).report().await;
    assert!(link.saw_loopback(), "nothing to defend against: {report:?}");
}

fn script(link: &Link, steps: &[&str]) -> Vec<String> {
    let told = steps.iter().map(|step| step.replace("LINK", &link.name));
    ["4".to_owned()].into_iter().chain(told).collect()
}

fn outside(link: &Link, steps: &[&str]) -> Agent {
    let steps = script(link, steps);
    Agent::new("dns", &steps.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Runs a script whose last step is to be refused as the packet is about to leave.
async fn refused(what: &str, steps: &[&str]) -> Report {
    let mut bed = Bed::new();
    let mut link = Link::new(what);
    let agent = outside(&link, steps).within(&bed.workload.0);
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert!(asked.is_empty(), "{asked:?}");
    assert_eq!(report.get(&steps.len().to_string()), "EPERM", "{report:?}");
    told(&mut bed).await;
    assert!(!link.saw_loopback(), "a question left the host");
    report
}

async fn told(bed: &mut Bed) {
    told_as(bed, Hook::Egress, Reason::BoundToDevice).await;
}

async fn told_as(bed: &mut Bed, hook: Hook, reason: Reason) {
    let refusal = timeout(SOON, bed.refusals.next())
        .await
        .expect("told")
        .expect("one");
    assert_eq!((refusal.hook, refusal.reason), (hook, reason));
    assert_eq!(refusal.facts.workload, bed.id);
}

#[tokio::test]
async fn a_question_turned_to_a_device_does_not_leave() {
    let free = ["turn=LINK", "sendto=127.0.0.1:53"];
    works_outside("a", |link| outside(link, &free)).await;
    let report = refused("b", &["turn=LINK", "sendto=192.0.2.53:53"]).await;
    assert_eq!(report.get("1"), "OK");
}

#[tokio::test]
async fn a_connected_question_turned_to_a_device_does_not_leave() {
    let steps = |to| {
        [
            "bind=198.18.53.1:0",
            to,
            "device=LINK",
            "send=192.0.2.53:53",
        ]
    };
    works_outside("c", |link| outside(link, &steps("connect=127.0.0.1:53"))).await;
    let report = refused("d", &steps("connect=192.0.2.53:53")).await;
    assert_eq!((report.get("2"), report.get("3")), ("OK", "OK"));
}

#[tokio::test]
async fn a_message_of_a_socket_bound_to_a_device_is_refused() {
    let mut bed = Bed::new();
    let link = Link::new("e");
    let agent = outside(&link, &["device=LINK", "sendto=192.0.2.53:53"]);
    let agent = agent.within(&bed.workload.0);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!((report.get("1"), report.get("2")), ("OK", "EPERM"));
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::SendMessage, Reason::BoundToDevice)
    );
}

#[tokio::test]
async fn a_connection_turned_to_a_device_does_not_leave() {
    let turned = |link: &Link, to: &str| Agent::new("turned", &[to, "198.18.53.1:0", &link.name]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let free = listener.local_addr().expect("an address").to_string();
    works_outside("f", |link| turned(link, &free)).await;

    let mut bed = Bed::new();
    let mut link = Link::new("g");
    let agent = turned(&link, "192.0.2.77:5432").within(&bed.workload.0);
    let (report, accepted) = tokio::join!(agent.report(), bed.weir.accept());
    assert!(accepted.is_ok(), "{accepted:?}");
    assert_eq!(report.get("sent"), "OK", "into its buffer, and no further");
    told(&mut bed).await;
    assert!(!link.saw_loopback(), "a byte left the host");
}

/// An address of the documentation range (RFC 3849), on no interface.
const ELSEWHERE: &str = "2001:db8:ee::1";

/// A link by which that address is to be reached.
fn link_to_elsewhere(what: &str) -> Link {
    let link = Link::new(what);
    let to = format!("{ELSEWHERE}/128");
    ip(&["-6", "route", "add", &to, "dev", &link.name]);
    link
}

fn elsewhere() -> IpAddr {
    ELSEWHERE.parse().expect("an address")
}

#[tokio::test]
async fn a_question_from_an_address_of_elsewhere_is_not_answered_there() {
    let bind = format!("freebind=[{ELSEWHERE}]:0");
    let steps = |to| ["6", bind.as_str(), to];
    {
        // Even a closed port answers, with what it was sent.
        let _ground = Ground::new();
        let mut link = link_to_elsewhere("h");
        let report = Agent::new("dns", &steps("sendto=[::1]:9")).report().await;
        assert!(
            link.saw(elsewhere()),
            "nothing to defend against: {report:?}"
        );
    }
    let mut bed = Bed::new();
    let mut link = link_to_elsewhere("i");
    let agent = bed.agent("dns", &steps("sendto=[2001:db8::53]:53"));
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert_eq!((report.get("1"), report.get("2")), ("OK", "EPERM"));
    assert!(asked.is_empty(), "{asked:?}");
    told_as(&mut bed, Hook::Egress, Reason::OtherSource).await;

    let agent = bed.agent("dns", &steps("connect=[2001:db8::53]:53"));
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("2"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Connect, Reason::OtherSource)
    );
    assert!(!link.saw(elsewhere()), "an answer left the host");
}

#[tokio::test]
async fn a_connection_from_an_address_of_elsewhere_is_not_answered_there() {
    let from = format!("[{ELSEWHERE}]:0");
    {
        let _ground = Ground::new();
        let mut link = link_to_elsewhere("j");
        let listener = std::net::TcpListener::bind("[::1]:0").expect("a listener");
        let to = listener.local_addr().expect("an address").to_string();
        let report = Agent::new("freebound", &[&from, &to]).report().await;
        assert!(
            link.saw(elsewhere()),
            "nothing to defend against: {report:?}"
        );
    }
    let mut bed = Bed::new();
    let mut link = link_to_elsewhere("k");
    let agent = bed.agent("freebound", &[&from, "[2001:db8::77]:5432"]);
    let (report, refusal) = bed.refused(agent).await;
    assert_eq!(report.get("connect"), "EPERM");
    assert_eq!(
        (refusal.hook, refusal.reason),
        (Hook::Connect, Reason::OtherSource)
    );
    assert!(!link.saw(elsewhere()), "an answer left the host");
}
