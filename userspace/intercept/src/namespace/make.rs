//! Listening in a network namespace: what is made there before it is served.

use std::{fs::File, io};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};

use super::{
    Namespace,
    enter::{self, NetnsInode},
    owner,
};
use crate::{NetnsCookie, Pid, listen::Bound};

/// Listeners in a namespace, and the namespace itself.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) inode: NetnsInode,
    pub(crate) namespace: Namespace,
    pub(crate) bound: Bound,
    pub(crate) cookie: NetnsCookie,
    /// Keeps it from ending while it is served, and its inode number from meaning another.
    pub(crate) held: File,
}

/// How many devices are told of: who made the namespace may have made any number.
const MOST_TOLD: usize = 16;

/// What a namespace looks like from inside.
struct Inside {
    bound: Bound,
    loopback_is_up: bool,
    others: Vec<String>,
}

/// Listens at `port` in the namespace that a thread is in, if that is still the one that is meant.
/// Blocking, for some tens of microseconds.
pub(crate) fn make(thread: Pid, meant: NetnsInode, port: u16) -> io::Result<Made> {
    let (inode, file) = enter::open(thread)?;
    if inode != meant {
        return Err(io::ErrorKind::NotFound.into());
    }
    let inside = enter::within(&file, || look(Bound::at(port)?))?;
    let cookie = inside.bound.netns().ok_or(io::ErrorKind::Unsupported)?;
    let ours = owner::is_ours(&file);
    tell(cookie, &inside, ours);
    let held = file.try_clone()?;
    Ok(Made {
        inode,
        namespace: Namespace::other(cookie, file, ours),
        bound: inside.bound,
        cookie,
        held,
    })
}

fn look(bound: Bound) -> io::Result<Inside> {
    let mut loopback_is_up = false;
    let mut others = Vec::new();
    for interface in getifaddrs()? {
        if interface.flags.contains(InterfaceFlags::IFF_LOOPBACK) {
            loopback_is_up |= interface.flags.contains(InterfaceFlags::IFF_UP);
        } else if others.len() < MOST_TOLD && !others.contains(&interface.interface_name) {
            others.push(interface.interface_name);
        }
    }
    Ok(Inside {
        bound,
        loopback_is_up,
        others,
    })
}

/// Says what an operator may wonder about. The namespace is left as it is.
fn tell(cookie: NetnsCookie, inside: &Inside, ours: bool) {
    let devices = &inside.others;
    tracing::info!(namespace = %cookie, ?devices, owned_by_host = ours, "listening in a workload's network namespace");
    if !inside.loopback_is_up {
        tracing::warn!(
            namespace = %cookie,
            "loopback is down there: nothing can be dialled from it until somebody sets it up"
        );
    }
    if !ours && !devices.is_empty() {
        tracing::warn!(
            namespace = %cookie,
            ?devices,
            "whoever made this namespace rules over its devices: packets that he sends by them \
             without a socket are governed only where what is behind them is in the workload"
        );
    }
}
