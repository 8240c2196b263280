//! Other network namespaces: one that the agent makes, where it is root, and one that it is let into.

use std::{fs::File, io, os::fd::OwnedFd};

use nix::sched::{CloneFlags, setns};

use crate::{
    aim::Aim,
    trick::{self, pass, user},
    vector::{Attempt, CAP_NET_ADMIN, CAP_NET_RAW, Ends, Vector},
};

/// What root in a namespace of its own has anyway; named here so that it is in the table.
const ALL: &[u8] = &[CAP_NET_ADMIN, CAP_NET_RAW];

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
                trick::socket(libc::AF_INET, libc::SOCK_RAW, 253).map(drop)?;
                Err(io::Error::other(aim.token.clone()))
            })
        })
        .ends(Ends::ByKernel),
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
        Attempt::new("a socket brought into a namespace of its own", |aim| {
            user::in_child(|| {
                let socket = trick::tcp(aim.far4)?;
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                trick::dial(&socket, aim.far4, aim)
            })
        })
        .with(ALL),
        Attempt::new("a datagram socket brought along", |aim| {
            user::in_child(|| {
                let socket = trick::udp(aim.far4)?;
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                trick::send_to(&socket, aim.payload(), aim.far4, 0)
            })
        }),
        Attempt::new("setns into an outside process's", join).helped_by(|aim| {
            user::in_child(|| {
                user::become_root(CloneFlags::CLONE_NEWNET)?;
                pass::give(&File::open("/proc/self/ns/user")?)?;
                pass::give(&File::open("/proc/self/ns/net")?)?;
                user::ip("link set lo up")?;
                let listener = std::net::TcpListener::bind(aim.near4)?;
                pass::tell("ready")?;
                let (stream, _) = listener.accept()?;
                let mut heard = [0; 64];
                let length = io::Read::read(&mut &stream, &mut heard)?;
                let reached = heard[..length].starts_with(aim.payload());
                pass::tell(if reached { "reached" } else { "nothing" })
            })
        }),
    ],
};

/// Enters the namespaces of a process outside, where a listener waits.
fn join(aim: &Aim) -> io::Result<()> {
    let (owner, net): (OwnedFd, OwnedFd) = (pass::take()?, pass::take()?);
    pass::hear()?;
    user::in_child(|| {
        setns(owner, CloneFlags::CLONE_NEWUSER)?;
        setns(net, CloneFlags::CLONE_NEWNET)?;
        trick::dial(&trick::tcp(aim.near4)?, aim.near4, aim)
    })?;
    if pass::hear()? == "reached" {
        crate::agent::got("through to a listener in another namespace");
    }
    Ok(())
}
