//! Datagrams of an agent without root to targets over UDP: through the real programs, to a real
//! server and back.

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use testbed::Output;
use weir_record::{End, Entry, Event, Outcome, SessionReader, Summary, store};

use crate::{dns::dnsmasq, stand::Stand};

/// A server that sends all back in capitals, until it is told to end, and tells what it heard.
struct Echo {
    address: SocketAddr,
    heard: mpsc::Receiver<Vec<u8>>,
}

impl Echo {
    fn at(address: &str) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let datagram = &buffer[..length];
                socket.send_to(&datagram.to_ascii_uppercase(), from).ok();
                if tell.send(datagram.to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { address, heard }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn heard(&self) -> Vec<u8> {
        self.heard.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn target(name: &str, hosts: &str, port: u16, more: &str) -> String {
    format!(
        "[[target]]\nname = \"{name}\"\nprotocol = \"udp\"\nhosts = [{hosts}]\nports = [{port}]\n\
         idle_timeout = \"1s\"\n{more}\n"
    )
}

fn stand(resolver: &str, targets: &str) -> Stand {
    Stand::with(|state: &Path, cgroup| {
        let state = state.display();
        format!(
            "[engine]\nstate = \"{state}\"\nsocket = \"{state}/weir.sock\"\n\
             resolvers = [\"{resolver}\"]\n[[identity]]\nname = \"bot\"\nkind = \"static\"\n\
             [[workload]]\nname = \"bot\"\ncgroup = \"/{cgroup}\"\ncreate = true\n\
             identity = \"bot\"\n{targets}"
        )
    })
}

/// The agent asks by a connected socket and by one that is not, and says what it hears from whom.
fn ask(stand: &Stand, host: &str, port: u16) -> Output {
    let script = format!(
        r#"
import socket
family, kind, protocol, _, address = socket.getaddrinfo("{host}", {port}, type=socket.SOCK_DGRAM)[0]
one = socket.socket(family, kind)
one.settimeout(10)
one.connect(address)
for word in (b"one", b"two"):
    one.send(word)
    print(one.recv(100).decode(), *one.getpeername()[:2])
other = socket.socket(family, kind)
other.settimeout(10)
other.sendto(b"three", address)
answer, source = other.recvfrom(100)
print(answer.decode(), *source[:2])
"#
    );
    stand.agent("python3", &["-c", &script])
}

fn told(host: &str, port: u16) -> String {
    ["ONE", "TWO", "THREE"]
        .map(|word| format!("{word} {host} {port}\n"))
        .concat()
}

/// The flows of a target that have ended, once there are so many, the larger first.
fn flows(stand: &Stand, target: &str, count: usize) -> Vec<(Summary, Outcome)> {
    let of_target = |summary: &Summary| summary.start.target.as_deref() == Some(target);
    let mut all = count;
    let flows: Vec<Summary> = loop {
        let flows = stand.ended(all).into_iter().filter(of_target);
        let ended: Vec<Summary> = flows.filter(|flow| flow.end.is_some()).collect();
        if ended.len() >= count {
            break ended;
        }
        all += 1;
    };
    let mut flows: Vec<(Summary, Outcome)> = flows
        .into_iter()
        .map(|flow| {
            let outcome = outcome(stand, &flow);
            (flow, outcome)
        })
        .collect();
    flows.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.sent));
    flows
}

fn outcome(stand: &Stand, flow: &Summary) -> Outcome {
    let path = store::path_of(stand.engine().records(), flow.start.id);
    let mut entries = SessionReader::open(&path).unwrap().map(Result::unwrap);
    let outcome = entries.find_map(|entry| match entry {
        Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome),
        _ => None,
    });
    outcome.unwrap()
}

#[test]
fn datagrams_reach_a_declared_target_by_both_families_and_no_other() {
    let (v4, v6, undeclared) = (
        Echo::at("127.0.0.1"),
        Echo::at("::1"),
        Echo::at("127.0.0.1"),
    );
    let targets = [
        target("four", "\"127.0.0.1\"", v4.port(), ""),
        target("six", "\"::1\"", v6.port(), ""),
    ];
    let stand = stand("127.9.9.9", &targets.concat());
    let _lives = stand.lives();
    for (echo, host, name) in [(&v4, "127.0.0.1", "four"), (&v6, "::1", "six")] {
        let out = ask(&stand, host, echo.port());
        assert_eq!(
            out.stdout_text(),
            told(host, echo.port()),
            "{}",
            out.stderr_text()
        );
        assert_eq!(echo.heard(), b"one");
        let flows = flows(&stand, name, 2);
        for ((flow, outcome), bytes) in flows.iter().zip([6, 5]) {
            assert_eq!(flow.end, Some(End::Idle));
            assert_eq!(flow.start.subject, "workload:bot");
            assert_eq!(flow.start.process.uid, 65534);
            assert_eq!(flow.start.protocol.as_deref(), Some("udp"));
            assert_eq!((outcome.sent, outcome.bytes), (Some(bytes), bytes));
        }
    }
    let out = ask(&stand, "127.0.0.1", undeclared.port());
    assert!(out.stderr_text().contains("PermissionError"), "{out:?}");
    assert!(undeclared.heard.try_recv().is_err());
}

#[test]
fn a_name_leads_to_its_target_with_the_very_answer_that_gave_it() {
    let _resolver = dnsmasq("127.0.0.155");
    let echo = Echo::at("127.0.0.1");
    let upstream = format!("upstream = \"{}\"", echo.address);
    let web = target("web", "\"echo.internal\"", 4433, &upstream);
    let stand = stand("127.0.0.155", &web);
    // Nobody was given the address: the kernel doesn't know it.
    let out = ask(&stand, "192.0.2.78", 4433);
    assert!(out.stderr_text().contains("PermissionError"), "{out:?}");
    assert!(echo.heard.try_recv().is_err());
    let out = ask(&stand, "echo.internal", 4433);
    assert_eq!(
        out.stdout_text(),
        told("192.0.2.78", 4433),
        "{}",
        out.stderr_text()
    );
    let (flow, _) = flows(&stand, "web", 2).remove(0);
    assert_eq!(flow.start.destination, "192.0.2.78:4433");
    assert_eq!(
        flow.start.destination_name.as_deref(),
        Some("echo.internal")
    );
}
