//! The programs in the real kernel, and the engine over them. Needs root; makes its own cgroups and
//! pins and removes them; every packet stays on loopback.
#![cfg(test)]

use std::time::Duration;

mod agent;
mod attribute;
mod bed;
mod child;
mod connect;
mod containers;
mod datagrams;
mod dns;
mod doctor;
mod established;
mod family;
mod foreign;
mod handover;
mod inbound;
mod lifecycle;
mod namespaces;
mod options;
mod refuse;
mod restart;
mod serve;
mod storm;
mod tag;
mod trace;
mod turned;
mod unix;

/// Nothing here takes this long; whatever does hangs.
const SOON: Duration = Duration::from_secs(20);
