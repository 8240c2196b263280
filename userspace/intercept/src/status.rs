//! What stands, for people and probes.

use std::{fmt, path::PathBuf};

use crate::{CgroupId, NetnsCookie, attribute::Attribution};

/// How much of the design this kernel can enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nothing: some program does not load.
    None,
    /// Every hook, with flows told apart by port only because `sock_ops` can't name the network
    /// namespace (before 5.15).
    Compatible,
    /// Every hook, with flows told apart by network namespace too.
    Full,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Compatible => "compatible",
            Self::Full => "full",
        })
    }
}

/// A running engine's account of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The engine's name: the last part of its pin directory.
    pub instance: String,
    /// The port it listens on, at 127.0.0.1 and `::1`.
    pub port: u16,
    /// The cgroups behind it, with their paths below the v2 root where they still exist.
    pub tagged: Vec<(CgroupId, Option<PathBuf>)>,
    /// The names of the programs attached to each.
    pub programs: Vec<&'static str>,
    /// What the kernel can enforce.
    pub tier: Tier,
    /// How the kernel tells who calls.
    pub attribution: Attribution,
    /// The network namespaces beside the engine's own in which it listens.
    pub namespaces: Vec<NetnsCookie>,
    /// Datagrams that reached the engine from no workload and were dropped.
    pub strays: u64,
}
