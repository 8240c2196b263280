//! What can go wrong here, in the operator's words.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use crate::{CgroupId, Pid, datagrams::MAX_QUESTION};

/// Why the engine could not be started or changed. Whatever was attached before stays attached.
#[derive(Debug, Error)]
pub enum InterceptError {
    /// Not root, or a capability is missing.
    #[error("not permitted: {doing} {}: this needs root", path.display())]
    NotPrivileged {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
    },
    /// There is no cgroup v2.
    #[error("no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup")]
    NoCgroupV2,
    /// A cgroup can't be used for this.
    #[error("{}: {why}", path.display())]
    CgroupPath {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A cgroup operation failed.
    #[error("{doing} {}: {source}", path.display())]
    Cgroup {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The cgroup, one above it or one below it is already governed.
    #[error("{}: already governed by instance `{instance}`, as {}", path.display(), governed.display())]
    Governed {
        /// The cgroup that was to be tagged.
        path: PathBuf,
        /// The one that is.
        governed: PathBuf,
        /// By whom.
        instance: String,
    },
    /// Whether a cgroup still exists can't be told.
    #[error("can't find cgroup {id}: {source}")]
    FindCgroup {
        /// Its id.
        id: CgroupId,
        /// What the kernel said.
        source: io::Error,
    },
    /// A cgroup with this id is not tagged by this engine.
    #[error("cgroup {0} is not behind this engine")]
    NotTagged(CgroupId),
    /// The pin directory can't be what is meant.
    #[error("{}: {why}", path.display())]
    PinDir {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another engine lives in the pin directory.
    #[error("{}: another engine is running there", path.display())]
    InUse {
        /// The pin directory.
        path: PathBuf,
    },
    /// The pinned maps were made by another version.
    #[error("{}: pinned by another version of weir; lift it first: weir uninstall", path.display())]
    Incompatible {
        /// The pin that does not fit.
        path: PathBuf,
    },
    /// An operation on a pin failed.
    #[error("{doing} {}: {source}", path.display())]
    Pin {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A link could not be pinned.
    #[error("pinning {}: {source}", path.display())]
    PinLink {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: Box<aya::pin::PinError>,
    },
    /// The eBPF object could not be read or its maps not made.
    #[error("can't make the eBPF maps: {0}")]
    Object(#[from] Box<aya::EbpfError>),
    /// The object lacks something this version needs: it was built from other sources.
    #[error("the eBPF object has no `{0}`: it was built from another version")]
    ObjectLacks(&'static str),
    /// The kernel refused a program.
    #[error("the kernel refused program `{program}`: {source}")]
    Program {
        /// Which.
        program: &'static str,
        /// What the verifier said.
        source: Box<aya::programs::ProgramError>,
    },
    /// A map could not be read or written.
    #[error("map `{map}`: {source}")]
    Map {
        /// Which.
        map: &'static str,
        /// What the kernel said.
        source: Box<aya::maps::MapError>,
    },
    /// The engine's port could not be had.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// A workload holds more sockets than can be looked at.
    #[error("{}: its processes hold more than {most} sockets", path.display())]
    TooManySockets {
        /// The workload's cgroup.
        path: PathBuf,
        /// How many can be looked at.
        most: usize,
    },
    /// The kernel's table of sockets could not be read.
    #[error("reading the kernel's table of sockets: {0}")]
    Sockets(#[source] io::Error),
    /// What finds workloads' network namespaces could not be started.
    #[error("watching for workloads' network namespaces: {0}")]
    Watch(#[source] io::Error),
    /// Called outside a tokio runtime, which is to drive the listeners.
    #[error("the engine must be started inside a tokio runtime")]
    NoRuntime,
    /// What was to hold for a workload can't.
    #[error("what is to hold for a workload: {why}")]
    Rules {
        /// What is wrong with it.
        why: &'static str,
    },
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
    /// A workload asked a resolver at a length that no question has. The datagram is dropped. Whose
    /// fault: the workload's.
    #[error("a datagram longer than {MAX_QUESTION} bytes from workload {workload} was dropped")]
    TooLong {
        /// The tagged cgroup.
        workload: CgroupId,
        /// The calling process.
        pid: Option<Pid>,
    },
    /// The kernel refused to accept. A retry can help once what is short (often file descriptors)
    /// is there again.
    #[error("can't accept: {0}")]
    Io(#[from] io::Error),
}
