//! One look at a workload's sockets.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io,
};

use super::{
    Spared,
    diag::{CLOSE, Diag, Entry, LISTEN},
    found::{Found, Outcome, Protocol},
    held::Holder,
    socket::{Kind, Shared},
};
use crate::{
    cgroup::members::Members,
    namespace::enter::{self, NetnsInode},
};

/// What the kernel has tables of.
const TABLES: [(libc::c_int, libc::c_int, Protocol); 4] = [
    (libc::AF_INET, libc::IPPROTO_TCP, Protocol::Tcp),
    (libc::AF_INET6, libc::IPPROTO_TCP, Protocol::Tcp),
    (libc::AF_INET, libc::IPPROTO_UDP, Protocol::Udp),
    (libc::AF_INET6, libc::IPPROTO_UDP, Protocol::Udp),
];

const NO_HOLDER: &str = "this kernel can't close sockets (it lacks INET_DIAG_DESTROY)";

pub(super) struct Look<'a> {
    members: &'a Members,
    held: &'a HashMap<u64, Holder>,
    spared: Spared<'a>,
    /// The inodes that a table told all about.
    seen: HashSet<u64>,
    found: Vec<(u64, Found)>,
    /// The inodes of what will be found again by the next look.
    lasting: HashSet<u64>,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        members: &'a Members,
        held: &'a HashMap<u64, Holder>,
        spared: Spared<'a>,
    ) -> Self {
        Self {
            members,
            held,
            spared,
            seen: HashSet::new(),
            found: Vec::new(),
            lasting: HashSet::new(),
        }
    }

    /// What was found, by inode, and the inodes of what will be found again by the next look.
    pub(super) fn done(self) -> (Vec<(u64, Found)>, HashSet<u64>) {
        (self.found, self.lasting)
    }

    fn push(&mut self, inode: u64, found: Found) {
        // A socket that no hook judges was shut for good, but its process still holds it.
        let lasts =
            found.outcome != Outcome::Closed || matches!(found.protocol, Protocol::Other { .. });
        if lasts && inode != 0 {
            self.lasting.insert(inode);
        }
        self.found.push((inode, found));
    }

    /// Goes through the tables of the engine's network namespace and of each that a thread of the
    /// workload is in.
    pub(super) fn through_tables(&mut self) -> io::Result<()> {
        let (own, _held) = enter::open_own()?;
        self.through_table()?;
        for namespace in self.namespaces(own).values() {
            enter::within(namespace, || self.through_table())?;
        }
        Ok(())
    }

    fn namespaces(&self, own: NetnsInode) -> BTreeMap<NetnsInode, File> {
        let mut namespaces = BTreeMap::new();
        for thread in self.members.threads.iter().copied() {
            // Whoever ends meanwhile is in none.
            if enter::of(thread).is_ok_and(|is| is != own && !namespaces.contains_key(&is))
                && let Ok((is, file)) = enter::open(thread)
            {
                namespaces.insert(is, file);
            }
        }
        namespaces
    }

    fn through_table(&mut self) -> io::Result<()> {
        let mut diag = Diag::open()?;
        for (family, number, protocol) in TABLES {
            let [family, number] = [family, number].map(|n| u8::try_from(n).unwrap_or_default());
            let mut entries = Vec::new();
            diag.dump(family, number, &mut |entry| {
                if self.is_own(&entry) || self.held.contains_key(&entry.inode) {
                    entries.push(entry);
                }
            })?;
            for entry in entries {
                self.judge(&mut diag, number, protocol, &entry);
            }
        }
        Ok(())
    }

    fn is_own(&self, entry: &Entry) -> bool {
        entry
            .cgroup
            .is_some_and(|cgroup| self.members.cgroups.contains(&cgroup))
    }

    fn judge(&mut self, diag: &mut Diag, number: u8, protocol: Protocol, entry: &Entry) {
        // What nobody holds any more has no number of its own.
        if entry.inode != 0 && !self.seen.insert(entry.inode) {
            return;
        }
        let foreign = !self.is_own(entry);
        let outcome = match entry.state {
            LISTEN => Outcome::Listening,
            CLOSE => return,
            _ if self.spared.spares(foreign, entry.local, entry.remote) => return,
            _ => match self.end(diag, number, entry) {
                Some(outcome) => outcome,
                None => return,
            },
        };
        let holder = self.held.get(&entry.inode).copied();
        let found = Found {
            protocol,
            local: Some(entry.local),
            remote: (outcome != Outcome::Listening).then_some(entry.remote),
            foreign,
            ..told(protocol, holder, outcome)
        };
        self.push(entry.inode, found);
    }

    /// Closes by the table, or else by the holder. `None`: it is gone already.
    fn end(&self, diag: &mut Diag, number: u8, entry: &Entry) -> Option<Outcome> {
        let Err(error) = diag.destroy(number, entry) else {
            return Some(Outcome::Closed);
        };
        let Some(holder) = self.held.get(&entry.inode) else {
            let gone = error.raw_os_error() == Some(libc::ENOENT);
            return (!gone).then_some(Outcome::Open { why: NO_HOLDER });
        };
        let shared = Shared::new(*holder, entry.inode).ok()?;
        shared.remote?;
        Some(outcome(shared.close()))
    }

    /// Looks at each socket that no table showed, by way of its holder. Of those that carry nothing
    /// out whatever happens, `inward` keeps the inodes from look to look.
    pub(super) fn through_holders(&mut self, inward: &mut HashSet<u64>) {
        let mut still = HashSet::new();
        for (inode, holder) in self.held {
            if self.seen.contains(inode) {
                continue;
            }
            if inward.contains(inode) {
                still.insert(*inode);
                continue;
            }
            // Closed meanwhile, or its process is gone.
            let Ok(shared) = Shared::new(*holder, *inode) else {
                continue;
            };
            if shared.kind == Kind::Inward {
                still.insert(*inode);
            } else if let Some(found) = self.look_at(&shared, *holder) {
                self.push(*inode, found);
            }
        }
        *inward = still;
    }

    fn look_at(&self, shared: &Shared, holder: Holder) -> Option<Found> {
        let outcome = if shared.listens {
            Outcome::Listening
        } else if shared.kind == Kind::Judged {
            let (local, remote) = (shared.local?, shared.remote?);
            // Whose it is can't be told here, so only the engine's own connections are spared.
            if self.spared.spares(true, local, remote) {
                return None;
            }
            outcome(shared.close())
        } else {
            outcome(shared.close())
        };
        Some(Found {
            local: shared.local,
            remote: shared.remote,
            ..told(shared.protocol, Some(holder), outcome)
        })
    }
}

fn outcome(closed: Result<(), &'static str>) -> Outcome {
    match closed {
        Ok(()) => Outcome::Closed,
        Err(why) => Outcome::Open { why },
    }
}

fn told(protocol: Protocol, holder: Option<Holder>, outcome: Outcome) -> Found {
    let (pid, comm) = holder.map(Holder::process).unzip();
    Found {
        protocol,
        local: None,
        remote: None,
        pid,
        comm,
        foreign: true,
        outcome,
    }
}
