//! What a workload's processes had connected before anything governed them, or were handed
//! afterwards: found, closed and told.
//!
//! Two kinds are looked for. A socket that is the workload's own, by the cgroup it was made in: the
//! programs drop its packets already, but its process should learn that at once. And one that a
//! process of the workload holds although it was made elsewhere: handed over a Unix socket, taken by
//! `pidfd_getfd`, or made before its process was moved there. No program of the workload sees what
//! that one sends, so [`Established::close`] is called again and again while the workload lives.
//!
//! Not its job: Unix sockets, and deciding how often to look.
//!
//! Known limits: between two looks a handed connection works. What is no descriptor is not found: a
//! socket registered with io_uring, or one that lies unread in a Unix socket's queue. A socket in a
//! network namespace that no process of the workload is in is disconnected through its holder, which
//! needs Linux 5.6, and for a thread with descriptors of its own 6.9. Raw and packet
//! sockets and unconnected vsock can't be closed from outside their process and are told as open. A listener
//! that was made elsewhere, as by socket activation, answers with sockets that count as foreign, so
//! its connections are closed even where the port is declared.

mod diag;
mod found;
mod held;
mod look;
mod probe;
mod socket;

use std::net::SocketAddr;

pub use found::{Found, Outcome, Protocol};
pub(crate) use probe::destroy as can_destroy;

use crate::{
    Inbound, InboundFrom, InterceptError, Rules,
    cgroup::{Cgroup, members},
};
use held::{MOST_SOCKETS, Tables};
use look::Memory;

/// The sockets of one workload, looked at again and again.
#[derive(Debug)]
pub struct Established {
    cgroup: Cgroup,
    tables: Tables,
    memory: Memory,
}

/// What stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Spared<'a> {
    /// The engine's port: connections to it on loopback are the engine's matter.
    pub port: u16,
    /// What holds for the workload: where it may answer connections from outside.
    pub rules: &'a Rules,
}

impl Established {
    /// Of this cgroup and all below it. Nothing is looked at yet.
    pub fn of(cgroup: &Cgroup) -> Self {
        Self {
            cgroup: cgroup.clone(),
            tables: Tables::default(),
            memory: Memory::default(),
        }
    }

    /// Looks once, closes what must be closed, and says what it found: each socket that was closed,
    /// and, once, each that listens or could not be closed. To be called when the programs stand,
    /// that is after [`Interceptor::tag`](crate::Interceptor::tag). Blocking, for some milliseconds
    /// where a workload has hundreds of descriptors.
    pub fn close(&mut self, spared: Spared<'_>) -> Result<Vec<Found>, InterceptError> {
        let members = members::members(&self.cgroup)?;
        let Some(held) = self.tables.look(&members.threads) else {
            return Err(InterceptError::TooManySockets {
                path: self.cgroup.path().to_path_buf(),
                most: MOST_SOCKETS,
            });
        };
        look::look(&members, &held, spared, &mut self.memory).map_err(InterceptError::Sockets)
    }
}

impl Spared<'_> {
    /// Whether a connection between these ends may stay.
    fn spares(&self, foreign: bool, local: SocketAddr, remote: SocketAddr) -> bool {
        let mut declared = self.rules.inbound.iter();
        self.engine(local, remote) || !foreign && declared.any(|one| answers(one, local, remote))
    }

    /// Whether it is a connection to the engine: it can't be any other when both ends are on
    /// loopback.
    fn engine(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        remote.port() == self.port && remote.ip().is_loopback() && local.ip().is_loopback()
    }
}

fn answers(inbound: &Inbound, local: SocketAddr, remote: SocketAddr) -> bool {
    inbound.port == local.port()
        && match inbound.from {
            InboundFrom::Anywhere => true,
            InboundFrom::Loopback => remote.ip().is_loopback(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_the_engine_and_declared_answers_are_spared() {
        let rules = Rules {
            inbound: vec![
                Inbound {
                    port: 80,
                    from: InboundFrom::Anywhere,
                },
                Inbound {
                    port: 81,
                    from: InboundFrom::Loopback,
                },
            ],
            ..Rules::default()
        };
        let spared = Spared {
            port: 7,
            rules: &rules,
        };
        for (foreign, local, remote, stays) in [
            (true, "127.0.0.1:9", "127.0.0.1:7", true),
            (true, "[::1]:9", "[::1]:7", true),
            (false, "10.0.0.1:9", "10.0.0.2:7", false),
            (false, "127.0.0.1:9", "127.0.0.1:8", false),
            (false, "10.0.0.1:80", "10.0.0.2:8", true),
            (true, "10.0.0.1:80", "10.0.0.2:8", false),
            (false, "10.0.0.1:81", "10.0.0.2:8", false),
            (false, "127.0.0.1:81", "127.0.0.1:8", true),
        ] {
            let is = spared.spares(foreign, address(local), address(remote));
            assert_eq!(is, stays, "{foreign} {local} {remote}");
        }
    }
}
