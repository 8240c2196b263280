//! The DNS, as workloads see it.
//!
//! Job: take every question that a workload asks, whichever resolver it meant to ask; judge it, put
//! it on record, ask in its stead, put the answer on record, remember which addresses it gave, and
//! answer. Not its job: to receive datagrams and connections (the interceptor and the engine).
//!
//! A question that isn't allowed never leaves the host, so a name carries nothing out. What is asked
//! is written anew from the name and the type alone; what is answered, from the records that belong
//! to the question. Answers keep their TTL; weir keeps none of them for others.
//!
//! Refused is `REFUSED`, with the reason for clients that speak EDNS (RFC 8914). A client that puts
//! its search domains behind names takes that for the end of its search, so a refused name that
//! would be allowed without its end is said not to exist: the client goes on to the plain name.
//!
//! Limits: no DNSSEC for the workload, and no zone transfers or updates. Timing, and which of the
//! allowed names is asked, still tell something to those who run the asked servers.

mod accounts;
mod answer;
mod counted;
mod declared;
mod found;
mod given;
mod header;
mod local;
mod question;
mod rate;
mod resolver;
mod stream;
mod upstream;

pub(crate) use declared::without_search_domain;
pub(crate) use found::is_absent;
pub(crate) use question::of_record;

pub use given::GivenNames;
pub use resolver::{Asker, Resolver, ResolverOptions, Turn};

/// The port of the DNS.
pub const PORT: u16 = 53;

/// What records call it.
pub const PROTOCOL: &str = "dns";
