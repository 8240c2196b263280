//! What weir does better with, and does without: each tried.

use std::net::{Ipv4Addr, UdpSocket};

use super::{Outcome, Probe, short};
use crate::{established, kernel::object, listen};

/// The hooks on connecting Unix sockets, and what the program on them reads.
pub(super) fn unix_sockets(name: &'static str) -> Probe {
    let loaded = object::load(None, object::tier())
        .map_err(|error| short(&error.to_string()))
        .and_then(|ebpf| object::unix(&ebpf).map_err(|error| short(&error.to_string())));
    match loaded {
        Ok(_) => Probe::ok(
            name,
            "a workload reaches those that are declared for it and no others",
        ),
        Err(error) => Probe::not(
            name,
            Outcome::Degraded,
            format!("not judged when they are dialled: {error}"),
            "use Linux 6.7 or later with CONFIG_DEBUG_INFO_BTF=y; until then only `weir run` and \
             the drop-in for agents' units hide them",
        ),
    }
}

/// The hook on making sockets of any family, and whether it is asked.
pub(super) fn families(name: &'static str) -> Probe {
    let loaded = object::load(None, object::tier())
        .map_err(|error| short(&error.to_string()))
        .and_then(|ebpf| object::family(&ebpf).map_err(|error| short(&error.to_string())));
    match loaded {
        Ok(_) => Probe::ok(
            name,
            "a workload makes IP and Unix sockets and those that tell routes, and no others",
        ),
        Err(error) => Probe::not(
            name,
            Outcome::Degraded,
            format!("others than IP are not judged when they are made: {error}"),
            "use Linux 6.0 or later with CONFIG_BPF_LSM=y, and add bpf to lsm= on the kernel's \
             command line; until then only the seccomp filter of `weir run` and \
             RestrictAddressFamilies= in the drop-in for agents' units refuse them",
        ),
    }
}

/// `SOCK_DESTROY` of sock_diag(7).
pub(super) fn socket_destroy(name: &'static str) -> Probe {
    match established::can_destroy() {
        Ok(()) => Probe::ok(
            name,
            "what a workload had open before, or was handed, can be closed",
        ),
        Err(error) => Probe::not(
            name,
            Outcome::Degraded,
            format!("the kernel can't close a socket: {error}"),
            "use a kernel built with CONFIG_INET_DIAG_DESTROY=y; until then start agents only once \
             weir governs their cgroup",
        ),
    }
}

/// `SO_NETNS_COOKIE` of socket(7).
pub(super) fn netns_cookie() -> Probe {
    const NAME: &str = "network namespaces";
    let told = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(|socket| listen::netns_of(&socket));
    match told {
        Ok(Some(_)) => Probe::ok(NAME, "a workload in one of its own can be served there"),
        Ok(None) | Err(_) => Probe::not(
            NAME,
            Outcome::Degraded,
            "they can't be told apart from here: a workload in one of its own is refused",
            "use Linux 5.14 or later",
        ),
    }
}
