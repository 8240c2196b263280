//! Other network namespaces: one that the agent makes, where it is root, and one that it is let into.

use std::{fs::File, io, net::SocketAddr, os::fd::OwnedFd, thread, time::Duration};

use nix::sched::{CloneFlags, setns};

use crate::{
    aim::Aim,
    trick::{self, pass, user},
    vector::{Attempt, Ends, Vector},
};

const NO_ROUTE: &str = "nothing leads out of a new namespace";

pub(super) const VECTOR: Vector = Vector {
    name: "namespaces",
    attempts: &[
        Attempt::new("user namespace, TCP", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::empty())?;
                trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
            })
        }),
        Attempt::new("user namespace, raw socket", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::empty())?;
                let socket = trick::socket(libc::AF_INET, libc::SOCK_RAW, 253)?;
                let to = SocketAddr::new(aim.far4.ip(), 0);
                trick::send_to(&socket, aim.payload(), to, 0)
            })
        })
        .ends(Ends::ByKernel),
        Attempt::new("user and network namespace, raw socket", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                user::ip("link set lo up")?;
                let socket = trick::socket(libc::AF_INET, libc::SOCK_RAW, 253)?;
                let to = SocketAddr::new(aim.near4.ip(), 0);
                trick::send_to(&socket, aim.payload(), to, 0)
            })
        })
        .vain("nobody listens in a new namespace"),
        Attempt::new("user and network namespace, TCP", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
            })
        })
        .vain(NO_ROUTE),
        Attempt::new("user and network namespace, loopback", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                user::ip("link set lo up")?;
                trick::dial(&trick::tcp(aim.near4)?, aim.near4, aim)
            })
        })
        .vain("nobody listens in a new namespace"),
        Attempt::new("user and network namespace, tried again", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                user::ip("link set lo up")?;
                dial_until_served(aim)
            })
        })
        .vain("nobody listens in a new namespace"),
        Attempt::new("a namespace routed to its own listener", |aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                user::ip("link set lo up")?;
                user::ip(&format!("route add local {}/32 dev lo", aim.far4.ip()))?;
                trick::dial(&trick::tcp(aim.far4)?, aim.far4, aim)
            })
        })
        .vain("nobody listens in a new namespace"),
        Attempt::new("a socket brought into a namespace of its own", |aim| {
            user::in_child(|| {
                let socket = trick::tcp(aim.far4)?;
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                trick::dial(&socket, aim.far4, aim)
            })
        }),
        Attempt::new("a datagram socket brought along", |aim| {
            user::in_child(|| {
                let socket = trick::udp(aim.far4)?;
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                trick::send_to(&socket, aim.payload(), aim.far4, 0)
            })
        }),
        Attempt::new("setns to where the engine's port is taken", |aim| {
            dial_within(aim, dial_until_served)
        })
        .helped_by(|aim| stand(SocketAddr::from(([127, 0, 0, 1], aim.engine)), None))
        .vain("nothing sends it to the engine's port"),
        Attempt::new("setns to where the engine's IPv6 port is taken", |aim| {
            dial_within(aim, |aim| {
                dial_until_served(aim)?;
                user::ip("addr add ::1/128 dev lo")?;
                trick::dial(&trick::tcp(aim.near6)?, aim.near6, aim)
            })
        })
        .helped_by(|aim| {
            // Without ::1 the engine may take the namespace for one without IPv6.
            let at = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, aim.engine));
            stand(at, Some("addr del ::1/128 dev lo"))
        })
        .vain("nothing sends it to the engine's port"),
        Attempt::new("setns into an outside process's", |aim| {
            dial_within(aim, |aim| {
                trick::dial(&trick::tcp(aim.near4)?, aim.near4, aim)
            })
        })
        .helped_by(|aim| stand(aim.near4, None)),
    ],
};

/// Refused until the engine has found the namespace, if ever.
fn dial_until_served(aim: &Aim) -> io::Result<()> {
    for _ in 0..20 {
        let tried = trick::dial(&trick::tcp(aim.near4)?, aim.near4, aim);
        if tried.is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Dials in the namespaces of a process outside, which says whether it was reached.
fn dial_within(aim: &Aim, act: fn(&Aim) -> io::Result<()>) -> io::Result<()> {
    let (owner, net): (OwnedFd, OwnedFd) = (pass::take()?, pass::take()?);
    pass::hear()?;
    let dialled = user::in_child(|| {
        setns(owner, CloneFlags::CLONE_NEWUSER)?;
        setns(net, CloneFlags::CLONE_NEWNET)?;
        act(aim)
    });
    pass::tell("done")?;
    if pass::hear()? == "reached" {
        crate::agent::got("through to a listener in another namespace");
    }
    dialled
}

/// Listens in namespaces of its own, and says whether anyone came.
fn stand(at: SocketAddr, before: Option<&str>) -> io::Result<()> {
    user::in_child(|| {
        user::become_root(CloneFlags::CLONE_NEWNET)?;
        pass::give(&File::open("/proc/self/ns/user")?)?;
        pass::give(&File::open("/proc/self/ns/net")?)?;
        user::ip("link set lo up")?;
        before.map_or(Ok(()), user::ip)?;
        let socket = trick::tcp(at)?;
        socket.bind(&at.into())?;
        socket.listen(8)?;
        pass::tell("ready")?;
        pass::hear()?;
        let reached = socket.accept().is_ok();
        pass::tell(if reached { "reached" } else { "nothing" })
    })
}
