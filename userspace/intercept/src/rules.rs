//! What holds for one workload beside its being one.

use std::path::PathBuf;

use weir_abi::{UNIX_PATH, maps::MAX_INBOUND};

use crate::InterceptError;

/// What a workload may do that others may not. The default is nothing: nobody may connect to it, and
/// no Unix socket may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The ports at which it may answer connections from outside.
    pub inbound: Vec<Inbound>,
    /// The Unix sockets that it may reach.
    pub unix: UnixRule,
}

/// A TCP port at which a workload may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inbound {
    /// The port.
    pub port: u16,
    /// Whom it may answer.
    pub from: InboundFrom,
}

/// Whom a workload may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InboundFrom {
    /// Only 127.0.0.0/8 and `::1`.
    Loopback,
    /// Everyone.
    Anywhere,
}

/// Which Unix sockets a workload may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixRule {
    /// All of them.
    Open,
    /// Those at these paths, absolute and as they are dialled.
    Only(Vec<PathBuf>),
}

impl Default for UnixRule {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl Rules {
    /// Refuses what could not mean what it says: a port of 0, one port said twice, a path that no
    /// socket can have.
    pub(crate) fn check(&self) -> Result<(), InterceptError> {
        let refuse = |why| Err(InterceptError::Rules { why });
        if self.inbound.len() > MAX_INBOUND {
            return refuse("more inbound ports than can be");
        }
        let mut ports: Vec<u16> = self.inbound.iter().map(|one| one.port).collect();
        ports.sort_unstable();
        if ports.first() == Some(&0) {
            return refuse("0 is no port to answer at");
        }
        if !ports.is_sorted_by(|one, next| one < next) {
            return refuse("an inbound port is given twice");
        }
        let UnixRule::Only(paths) = &self.unix else {
            return Ok(());
        };
        // The path ends with a NUL in the map, so that a shorter one is never its beginning.
        if !paths.iter().all(|path| {
            let bytes = path.as_os_str().as_encoded_bytes();
            path.is_absolute() && bytes.len() < UNIX_PATH && !bytes.contains(&0)
        }) {
            return refuse("the path of a Unix socket is absolute and shorter than 108 bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(ports: &[u16]) -> Rules {
        let inbound = ports.iter().map(|port| Inbound {
            port: *port,
            from: InboundFrom::Loopback,
        });
        Rules {
            inbound: inbound.collect(),
            ..Rules::default()
        }
    }

    #[test]
    fn ports_are_real_and_said_once() {
        assert!(ports(&[]).check().is_ok());
        assert!(ports(&[80, 65535, 1]).check().is_ok());
        assert!(ports(&[80, 0]).check().is_err());
        assert!(ports(&[80, 443, 80]).check().is_err());
    }

    #[test]
    fn paths_are_such_as_a_socket_can_have() {
        let only = |path: &str| Rules {
            unix: UnixRule::Only(vec![PathBuf::from(path)]),
            ..Rules::default()
        };
        assert!(only("/run/db.sock").check().is_ok());
        assert!(only("run/db.sock").check().is_err());
        assert!(only("/run/a\0b").check().is_err());
        assert!(only(&format!("/{}", "x".repeat(106))).check().is_ok());
        assert!(only(&format!("/{}", "x".repeat(107))).check().is_err());
    }
}
