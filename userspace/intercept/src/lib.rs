//! Interception: load, attach and pin the eBPF programs, accept the connections they redirect, and
//! say where each was going and who asked.
//!
//! [`Interceptor::start`] loads the programs and listens; [`Interceptor::tag`] puts a cgroup behind
//! them; [`Interceptor::accept`] hands on one [`Intercepted`] a connection, and
//! [`Interceptor::datagram`] one [`Datagram`] a question to a resolver. What the kernel refused on its
//! own arrives through [`Interceptor::take_refusals`].
//!
//! Not its job: deciding which connection may go where, and dialling. It hands on facts.
//!
//! Known limits: a program that looks for its own source address by connecting a datagram socket, as
//! name resolution in the C library does, is refused that connect and told of as any other is.
//! Sockets made before their process joined the cgroup, `AF_PACKET`, `AF_VSOCK` and
//! `AF_UNIX` are not seen by these hooks; a workload in a network namespace of its own is refused
//! rather than served; while the engine is down, a process outside every workload could listen on
//! its port.

pub mod attribute;
pub mod cgroup;
pub mod doctor;
pub mod established;

mod datagrams;
mod engine;
mod error;
mod facts;
mod ids;
mod intercepted;
mod interceptor;
mod kernel;
mod listen;
mod namespace;
mod pins;
mod refusals;
mod rules;
mod status;
mod watch;

pub use datagrams::Datagram;
pub use error::{AcceptError, InterceptError};
pub use facts::Facts;
pub use ids::{CgroupId, Gid, NetnsCookie, OrigDst, Pid, SocketCookie, Uid};
pub use intercepted::Intercepted;
pub use interceptor::{Interceptor, Options, uninstall};
pub use namespace::Namespace;
pub use refusals::{KernelRefusal, Refusals};
pub use rules::{Inbound, InboundFrom, Rules, UnixRule};
pub use status::{Status, Tier};
pub use weir_abi::{Hook, Reason};
