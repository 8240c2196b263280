//! Interception: load, attach and pin the eBPF programs, accept the connections they redirect, and
//! say where each was going and who asked.
//!
//! [`Interceptor::start`] loads the programs and listens; [`Interceptor::tag`] puts a cgroup behind
//! them; [`Interceptor::accept`] hands on one [`Intercepted`] a connection, and
//! [`Interceptor::datagram`] one [`Datagram`] a question to a resolver, or whatever is sent to a target
//! declared by [`Interceptor::set_datagram_targets`]. What the kernel refused on its
//! own arrives through [`Interceptor::take_refusals`].
//!
//! Not its job: deciding which connection may go where, and dialling. It hands on facts.
//!
//! Known limits: a program that looks for its own source address by connecting a datagram socket, as
//! name resolution in the C library does, is refused that connect and told of as any other is.
//! `AF_PACKET` and `AF_VSOCK` are not seen by these hooks. What was connected before it was governed,
//! or is handed to a workload connected, is found and closed by [`established`], which somebody has
//! to call. How workloads in network namespaces of their own are served, and where that ends, is said
//! at [`Namespace`].

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

pub use datagrams::{Datagram, WayBack};
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
