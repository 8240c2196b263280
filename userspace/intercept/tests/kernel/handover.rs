//! One engine after another on the same listeners: whoever connects in between waits, and is neither
//! refused nor mistaken for another.

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
    time::Duration,
};

use weir_intercept::{Interceptor, Options, Rules};

use crate::{
    bed::{Ground, Workload},
    child::Agent,
    serve::{Target, while_serving},
};

fn options(ground: &Ground, inherited: Vec<OwnedFd>) -> Options {
    Options {
        inherited,
        ..ground.pins.options("engine")
    }
}

#[tokio::test]
async fn a_dialler_that_never_stops_sees_no_restart() {
    const RESTARTS: usize = 20;
    let ground = Ground::new();
    let target = Target::new("127.77.10.1").await;
    let to = target.address.to_string();
    let mut weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let port = weir.status().port;
    let mut agent = Agent::new("again", &[&to])
        .within(&ground.workload.0)
        .spawn();
    while_serving(&weir, agent.wait_for("counts")).await;
    for _ in 0..RESTARTS {
        let served = while_serving(&weir, tokio::time::sleep(Duration::from_millis(20)));
        for caught in served.await.1 {
            let seen = format!(
                "{} {} {}",
                caught.origin.pid, caught.cookie, caught.orig_dst
            );
            assert_eq!(caught.claim, seen);
            assert_eq!(caught.origin.pid.get(), agent.pid());
        }
        let inherited = weir.listeners();
        drop(weir);
        weir = Interceptor::start(options(&ground, inherited)).expect("the next engine");
        assert_eq!(weir.status().port, port);
    }
    let (report, _) = while_serving(&weir, agent.report()).await;
    let counts: Vec<u32> = report
        .get("counts")
        .split(' ')
        .map(|count| count.parse().expect("a number"))
        .collect();
    let [through, wrong, failed] = counts[..] else {
        panic!("{counts:?}")
    };
    assert!(through > 0);
    assert_eq!((wrong, failed, target.reached()), (0, 0, 0), "{report:?}");
}

/// Takes a descriptor out of another process (pidfd_getfd(2)), as a service manager is given it.
fn taken(pid: u32, number: RawFd) -> OwnedFd {
    // SAFETY: a system call that takes numbers and gives a new descriptor.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: the same.
    let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, 0) };
    let owned = |fd: libc::c_long| {
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: a new descriptor that nothing else owns.
        unsafe { OwnedFd::from_raw_fd(RawFd::try_from(fd).expect("a descriptor")) }
    };
    drop(owned(process));
    owned(copy)
}

#[tokio::test]
async fn the_cgroup_that_the_listeners_were_made_in_may_be_gone() {
    let ground = Ground::new();
    let home = Workload::new();
    let pin_dir = ground.pins.0.join("engine");
    let workload = ground.workload.0.path().to_str().expect("text").to_owned();
    let args = [pin_dir.to_str().expect("text"), "stay", &workload];
    let mut first = Agent::new("engine", &args)
        .within(&home.0)
        .with_root()
        .spawn();
    let said = first.wait_for("listeners").await;
    let port = first.wait_for("ready").await;
    let inherited: Vec<OwnedFd> = said
        .split(' ')
        .map(|number| taken(first.pid(), number.parse().expect("a number")))
        .collect();
    first.kill().await;
    let gone = home.0.clone();
    drop(home);
    assert!(gone.id().is_err(), "the first engine's cgroup is gone");

    // Dialled while there is no engine at all.
    let to = "127.77.10.2:80";
    let agent = Agent::new("connect", &[to])
        .within(&ground.workload.0)
        .spawn();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let weir = Interceptor::start(options(&ground, inherited)).expect("the next engine");
    assert_eq!(weir.status().port.to_string(), port);
    let pid = agent.pid();
    let (report, caught) = while_serving(&weir, agent.report()).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
    assert_eq!(caught[0].origin.pid.get(), pid);

    // And once more, by the programs of the engine that took over, and of the one after it.
    let inherited = weir.listeners();
    let again = Agent::new("connect", &[to]).within(&ground.workload.0);
    let (report, _) = while_serving(&weir, again.report()).await;
    assert_eq!(report.get("answer"), format!("weir {to}"));
    drop(weir);
    let weir = Interceptor::start(options(&ground, inherited)).expect("the third engine");
    let again = Agent::new("connect", &["[2001:db8::10]:80"]).within(&ground.workload.0);
    let (report, _) = while_serving(&weir, again.report()).await;
    assert_eq!(report.get("answer"), "weir [2001:db8::10]:80");
}

#[tokio::test]
async fn what_is_no_engines_listener_is_not_taken_for_one() {
    let ground = Ground::new();
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let at: SocketAddr = stranger.local_addr().expect("an address");
    let weir = Interceptor::start(options(&ground, vec![stranger.into()])).expect("an engine");
    assert_ne!(weir.status().port, at.port(), "it bound one of its own");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let agent = Agent::new("connect", &["127.77.10.3:80"]).within(&ground.workload.0);
    let (report, _) = while_serving(&weir, agent.report()).await;
    assert_eq!(report.get("answer"), "weir 127.77.10.3:80");
}
