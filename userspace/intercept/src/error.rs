//! What can go wrong here, in the operator's words.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use crate::CgroupId;

/// Why the engine could not be started or changed. Whatever was attached before stays attached.
#[derive(Debug, Error)]
pub enum InterceptError {
    /// Not root, or a capability is missing.
    #[error("not permitted: eBPF and cgroups need root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN)")]
    NotPrivileged,
    /// There is no cgroup v2.
    #[error("no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup")]
    NoCgroupV2,
    /// A cgroup path can't be what is meant.
    #[error("{path}: {why}")]
    CgroupPath {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A cgroup operation failed.
    #[error("{doing} {path}: {source}")]
    Cgroup {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A cgroup with this id is not tagged by this engine.
    #[error("cgroup {0} is not behind this engine")]
    NotTagged(CgroupId),
}

/// Why a connection could not be handed on.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// No facts lie on the socket: it was not redirected by this engine's programs. The connection
    /// is dropped. Whose fault: the peer's, who dialled the engine's port directly.
    #[error("a connection from {peer} was not redirected by weir and was dropped")]
    Unattributed {
        /// The other end.
        peer: SocketAddr,
    },
    /// The kernel refused to accept. A retry can help once what is short (often file descriptors)
    /// is there again.
    #[error("can't accept: {0}")]
    Io(#[from] io::Error),
}
