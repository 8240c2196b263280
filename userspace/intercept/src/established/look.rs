//! One look at a workload's sockets: first each through its holder, then, only where that leaves a
//! question, the kernel's tables, which take milliseconds on a host with much memory whatever is in
//! them.

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

const NO_DESTROY: &str = "this kernel can't close sockets (it lacks INET_DIAG_DESTROY)";
const NOT_SHARED: &str = "no table has it, and its holder may not be asked for it";

/// What is known from the looks before this one.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Whether there was one.
    looked: bool,
    /// Sockets that need no second look, by inode: they carry nothing out whatever becomes of them,
    /// or they are the workload's own, whose next connection the programs judge. Only such as were
    /// held at the last look: a number is not given again while a socket has it.
    settled: HashSet<u64>,
    /// What was told and is still there, by inode, with what was told to have become of it.
    told: HashMap<u64, Outcome>,
}

pub(super) struct Look<'a> {
    members: &'a Members,
    held: &'a HashMap<u64, Holder>,
    spared: Spared<'a>,
    before: &'a Memory,
    settled: HashSet<u64>,
    lasting: HashMap<u64, Outcome>,
    /// Whose they are, only a table can tell. `None`: not even what they are.
    questions: HashMap<u64, Option<Shared>>,
    found: Vec<Found>,
}

/// Looks once. What is known afterwards takes the place of `memory`, unless the look failed.
pub(super) fn look(
    members: &Members,
    held: &HashMap<u64, Holder>,
    spared: Spared<'_>,
    memory: &mut Memory,
) -> io::Result<Vec<Found>> {
    let mut look = Look {
        members,
        held,
        spared,
        before: memory,
        settled: HashSet::new(),
        lasting: HashMap::new(),
        questions: HashMap::new(),
        found: Vec::new(),
    };
    look.through_holders();
    // At first also what is the workload's own and held by nobody any more.
    if !memory.looked || !look.questions.is_empty() {
        look.through_tables()?;
        look.without_answer();
    }
    let Look {
        settled,
        lasting,
        found,
        ..
    } = look;
    *memory = Memory {
        looked: true,
        settled,
        told: lasting,
    };
    Ok(found)
}

impl Look<'_> {
    fn through_holders(&mut self) {
        for (inode, holder) in self.held {
            if self.before.settled.contains(inode) {
                self.settled.insert(*inode);
                continue;
            }
            match Shared::new(*holder, *inode) {
                Ok(shared) => self.sift(*inode, *holder, shared),
                // Closed meanwhile, or its process is gone.
                Err(error) if gone(&error) => {}
                Err(_) => drop(self.questions.insert(*inode, None)),
            }
        }
    }

    fn sift(&mut self, inode: u64, holder: Holder, shared: Shared) {
        match (shared.kind, shared.local.zip(shared.remote)) {
            (Kind::Inward, _) => drop(self.settled.insert(inode)),
            (Kind::Unjudged, _) => self.close_shared(inode, holder, &shared),
            // Connected to nothing: what it dials is judged. Looked at again next time, since
            // someone outside of the workload may hold it too, and connect it.
            (Kind::Judged, None) if !shared.listens => {}
            (Kind::Judged, Some((local, remote))) if self.spared.engine(local, remote) => {}
            (Kind::Judged, _) => drop(self.questions.insert(inode, Some(shared))),
        }
    }

    fn close_shared(&mut self, inode: u64, holder: Holder, shared: &Shared) {
        let outcome = if shared.listens {
            Outcome::Listening
        } else {
            outcome(shared.close())
        };
        // Its process still holds it, and the next look finds it again.
        let lasts = shared.kind == Kind::Unjudged || outcome != Outcome::Closed;
        self.tell(inode, lasts, outcome, |outcome| Found {
            local: shared.local,
            remote: shared.remote,
            ..told(shared.protocol, Some(holder), outcome)
        });
    }

    /// Goes through the tables of the engine's network namespace and of each that a thread of the
    /// workload is in.
    fn through_tables(&mut self) -> io::Result<()> {
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
                let unheld = !self.before.looked && !self.held.contains_key(&entry.inode);
                if self.questions.contains_key(&entry.inode) || unheld && self.is_own(&entry) {
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
            .is_some_and(|cgroup| self.members.cgroups.contains_key(&cgroup))
    }

    fn judge(&mut self, diag: &mut Diag, number: u8, protocol: Protocol, entry: &Entry) {
        self.questions.remove(&entry.inode);
        let foreign = !self.is_own(entry);
        if !foreign && self.held.contains_key(&entry.inode) {
            self.settled.insert(entry.inode);
        }
        let holder = self.held.get(&entry.inode).copied();
        let outcome = match entry.state {
            LISTEN => Outcome::Listening,
            CLOSE => return,
            _ if self.spared.spares(foreign, entry.local, entry.remote) => return,
            _ => match end(diag, number, entry, holder) {
                Some(outcome) => outcome,
                None => return,
            },
        };
        let lasts = outcome != Outcome::Closed;
        self.tell(entry.inode, lasts, outcome, |outcome| Found {
            local: Some(entry.local),
            remote: (outcome != Outcome::Listening).then_some(entry.remote),
            foreign,
            ..told(protocol, holder, outcome)
        });
    }

    /// What no table had an answer for is of a network namespace that the workload is not in.
    fn without_answer(&mut self) {
        for (inode, shared) in std::mem::take(&mut self.questions) {
            let Some(holder) = self.held.get(&inode).copied() else {
                continue;
            };
            match shared {
                Some(shared) => self.close_shared(inode, holder, &shared),
                None => {
                    let unknown = Protocol::Other {
                        family: libc::AF_UNSPEC,
                        kind: 0,
                        number: 0,
                    };
                    let why = NOT_SHARED;
                    self.tell(inode, true, Outcome::Open { why }, |outcome| {
                        told(unknown, Some(holder), outcome)
                    });
                }
            }
        }
    }

    /// Tells of a socket. One that `lasts`, and so is found by every look, is told of once, until
    /// something else becomes of it.
    fn tell(
        &mut self,
        inode: u64,
        lasts: bool,
        outcome: Outcome,
        found: impl FnOnce(Outcome) -> Found,
    ) {
        let known = lasts && self.before.told.get(&inode) == Some(&outcome);
        if lasts && inode != 0 {
            self.lasting.insert(inode, outcome.clone());
        }
        if !known {
            self.found.push(found(outcome));
        }
    }
}

/// Closes by the table, or else by the holder. `None`: it is gone already.
fn end(diag: &mut Diag, number: u8, entry: &Entry, holder: Option<Holder>) -> Option<Outcome> {
    let Err(error) = diag.destroy(number, entry) else {
        return Some(Outcome::Closed);
    };
    let Some(holder) = holder else {
        let gone = error.raw_os_error() == Some(libc::ENOENT);
        return (!gone).then_some(Outcome::Open { why: NO_DESTROY });
    };
    match Shared::new(holder, entry.inode) {
        Ok(shared) => shared.remote.map(|_| outcome(shared.close())),
        Err(error) if gone(&error) => None,
        Err(_) => Some(Outcome::Open { why: NO_DESTROY }),
    }
}

/// The thread, its descriptor, or the file behind that number is not there any more.
fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EBADF))
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
