//! Listeners that outlive a daemon: what an agent dials while none runs waits for the next one, by
//! way of a service manager that keeps them.

mod manager;
mod site;

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
};

use nix::sys::signal::Signal;
use testbed::Output;

use self::{
    manager::{FIRST, Named, Service},
    site::{Site, ends, pid},
};
use crate::stand::one_engine;

const RESTARTS: u8 = 5;
/// The agents dial 127.N.0.0/16, each an N of its own.
const AGENTS: [u8; 3] = [70, 71, 72];
/// Where one dials while no daemon runs.
const KNOCKED: u8 = 100;
/// What the daemon calls its listeners.
const LISTENERS: &str = "weir-listeners";

#[test]
fn no_connect_fails_while_daemons_are_killed_and_followed() {
    let _one = one_engine();
    let mut site = Site::new("handover");
    let mut service = site.start(&[]);
    site.manager.hear_ready();
    let agents: Vec<_> = AGENTS.map(|network| site.agent(network, u16::MAX)).into();

    let mut knocked = HashMap::new();
    for restart in 0..RESTARTS {
        site.see_more(50);
        service.kill();
        // By a process that is gone, too, before anybody accepts.
        let address = Ipv4Addr::new(127, KNOCKED, 0, restart);
        knocked.insert(address.to_string(), site.knock(address));
        service = site.start(site.manager.kept());
        site.manager.hear_ready();
    }
    site.see_more(50);

    let ended: Vec<(u32, Output)> = agents
        .into_iter()
        .map(|agent| {
            agent.signal(Signal::SIGTERM).unwrap();
            (pid(&agent), agent.wait().unwrap())
        })
        .collect();
    service.kill();
    assert!(!site.was_gone_around());

    let recorded = site.recorded();
    for (address, process) in &knocked {
        assert_eq!(recorded[address].pid, *process, "{address}");
    }
    for (address, process) in site.seen() {
        assert_eq!(recorded[&address].pid, process, "{address}");
    }
    let mut dialled = knocked.len();
    for (process, out) in ended {
        let ends = ends(&out);
        dialled += ends.len();
        let mut cut = 0;
        for (address, end) in &ends {
            match end.as_str() {
                "served" => {}
                "cut" => cut += 1,
                _ => panic!("{end} {address}: {}", out.stdout_text()),
            }
            match recorded.get(address) {
                Some(on_record) => {
                    assert_eq!(on_record.pid, process, "{address}");
                    assert_eq!(on_record.uid, 65534);
                }
                // Accepted by a daemon that was killed before it had said so, and forwarded nothing.
                None => assert_eq!(end, "cut", "{address} is not on record"),
            }
        }
        // Those that a daemon took with it: one an agent had at a time.
        assert!(cut <= usize::from(RESTARTS), "{}", out.stdout_text());
    }
    assert!(recorded.len() <= dialled, "nobody dialled all that");
}

#[test]
fn listeners_replace_those_that_were_kept() {
    let _one = one_engine();
    let mut site = Site::new("kept");
    let mut ports = Vec::new();
    for _ in 0..2 {
        let service = site.start(site.manager.kept());
        let heard = site.manager.hear_ready();
        let [removed, stored, _ready] = &heard[..] else {
            panic!("{heard:?}");
        };
        assert_eq!(*removed, format!("FDSTOREREMOVE=1\nFDNAME={LISTENERS}"));
        assert_eq!(*stored, format!("FDSTORE=1\nFDNAME={LISTENERS}"));
        ports.push(inodes(site.manager.kept()));
        service.kill();
    }
    assert!(matches!(ports[0].len(), 2 | 4), "{ports:?}");
    assert_eq!(ports[0], ports[1], "the same sockets");
}

#[test]
fn what_is_no_listener_of_weirs_is_let_go_and_other_names_are_left_alone() {
    let _one = one_engine();
    let mut site = Site::new("rubbish");
    let (other, _theirs) = io::pipe().unwrap();
    let other: OwnedFd = other.into();
    let (pipe, _writer) = io::pipe().unwrap();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let cases: [OwnedFd; 3] = [
        pipe.into(),
        UdpSocket::bind("127.0.0.1:0").unwrap().into(),
        stranger.try_clone().unwrap().into(),
    ];
    for (network, rubbish) in AGENTS.into_iter().zip(cases) {
        let passed = [
            ("theirs".to_owned(), other.try_clone().unwrap()),
            (LISTENERS.to_owned(), rubbish),
            ("theirs".to_owned(), other.try_clone().unwrap()),
        ];
        let service = site.start(&passed);
        site.manager.hear_ready();
        let rubbish = inode(&passed[1].1);
        assert!(!inodes(site.manager.kept()).contains(&rubbish));
        assert!(!sockets_and_pipes(&service).contains(&rubbish));
        for number in [FIRST, FIRST + 2] {
            let open = fs::metadata(format!("/proc/{}/fd/{number}", service.id())).unwrap();
            assert_eq!(open.ino(), inode(&other), "{number}");
        }
        let out = site.agent(network, 3).wait().unwrap();
        let ends = ends(&out);
        assert_eq!(ends.len(), 3);
        assert!(ends.values().all(|end| end == "served"), "{ends:?}");
        service.kill();
    }
    assert!(stranger.accept().is_err());
    assert!(!site.was_gone_around());
}

fn inodes(kept: &[Named]) -> Vec<u64> {
    let mut inodes: Vec<_> = kept.iter().map(|(_, fd)| inode(fd)).collect();
    inodes.sort_unstable();
    inodes
}

fn inode(fd: &OwnedFd) -> u64 {
    let file = File::from(fd.try_clone().unwrap());
    file.metadata().unwrap().ino()
}

/// The inodes of what a daemon has open besides files.
fn sockets_and_pipes(service: &Service) -> Vec<u64> {
    let open = fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap();
    open.filter_map(|entry| fs::metadata(entry.unwrap().path()).ok())
        .filter(|open| open.file_type().is_socket() || open.file_type().is_fifo())
        .map(|open| open.ino())
        .collect()
}
