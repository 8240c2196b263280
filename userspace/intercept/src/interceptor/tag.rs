//! Putting a cgroup behind the engine, and letting it go.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use weir_abi::{MAX_CGROUP_DEPTH, maps::MAX_DATAGRAM_TARGETS};

use super::{Control, Interceptor, levels};
use crate::{
    CgroupId, InterceptError, Rules,
    cgroup::{self, Cgroup},
    engine::ENGINES,
    kernel::{maps, programs},
    pins::{self, PinDir},
};

impl Interceptor {
    /// Puts a cgroup and all below it behind the engine. For a cgroup already behind it, only what
    /// holds for it is made to be `rules`.
    ///
    /// Refused: the root; a cgroup that holds an engine; one deeper than the programs look; one
    /// that processes without root could be moved out of; and one that is, is above or is below a
    /// cgroup that is governed already, since a connect would then be redirected twice. A cgroup
    /// that only a dead engine governs is taken over.
    ///
    /// What its processes had connected before is closed by
    /// [`Established::close`](crate::established::Established::close), called after this.
    pub fn tag(&self, cgroup: &Cgroup, rules: &Rules) -> Result<CgroupId, InterceptError> {
        rules.check()?;
        let id = cgroup.id()?;
        let mut control = self.control();
        if control.tagged.contains_key(&id) {
            self.maps.add_workload(id, rules)?;
            return Ok(id);
        }
        let level = self.check(cgroup)?;
        let _alone = self.pins.lock_base()?;
        let heirless = self.governed_by_the_dead(cgroup, id)?;

        control.tagged.insert(id, level);
        if let Err(error) = self.put(&mut control, cgroup, id, rules) {
            self.undo(&mut control, id);
            return Err(error);
        }
        // It may be in network namespaces of its own.
        self.watch.hint();
        for pin_dir in heirless {
            // Only now that ours stand: in between both rule, and a connect fails.
            let dead = PinDir::of_the_dead(&pin_dir)?;
            dead.lift_cgroup(id)?;
            maps::forget(&dead.maps(), id)?;
            if dead.tagged().is_empty() {
                // What else it pinned rules over nothing.
                dead.remove()?;
            }
        }
        Ok(id)
    }

    /// Lets a cgroup go: what its processes dial next goes where they want.
    pub fn untag(&self, id: CgroupId) -> Result<(), InterceptError> {
        let mut control = self.control();
        if !control.tagged.contains_key(&id) {
            return Err(InterceptError::NotTagged(id));
        }
        self.let_go(&mut control, id)
    }

    /// Makes these, and no others, the targets to which a workload may send datagrams: they come by
    /// [`datagram`](Self::datagram), and all others but questions to resolvers are refused. What is
    /// new is known before what is not any more is forgotten; after an error both may hold.
    ///
    /// An unspecified address is never sent to, and a port of 53 is a resolver's all the same. Each
    /// engine has room for 4096 of all workloads together. They hold until the workload is let go,
    /// for the next engine on the same pins, too.
    pub fn set_datagram_targets(
        &self,
        workload: CgroupId,
        targets: &BTreeSet<SocketAddr>,
    ) -> Result<(), InterceptError> {
        let control = self.control();
        if !control.tagged.contains_key(&workload) {
            return Err(InterceptError::NotTagged(workload));
        }
        if targets.len() > MAX_DATAGRAM_TARGETS {
            return Err(InterceptError::Rules {
                why: "more targets for datagrams than can be",
            });
        }
        self.maps.set_datagram_targets(workload, targets)
    }

    /// Known to the programs before any of them asks.
    fn put(
        &self,
        control: &mut Control,
        cgroup: &Cgroup,
        id: CgroupId,
        rules: &Rules,
    ) -> Result<(), InterceptError> {
        self.maps.add_workload(id, rules)?;
        self.maps.set_levels(levels(&control.tagged))?;
        let directory = cgroup.open()?;
        let pins = self.pins.make_cgroup(id)?;
        programs::stand(&mut control.ebpf, &programs::WORKLOAD, &directory, &pins)?;
        match &control.family {
            Some(family) => family.stand(&directory, &pins),
            None => Ok(()),
        }
    }

    fn let_go(&self, control: &mut Control, id: CgroupId) -> Result<(), InterceptError> {
        self.pins.lift_cgroup(id)?;
        self.maps.remove_workload(id)?;
        control.tagged.remove(&id);
        self.maps.set_levels(levels(&control.tagged))
    }

    /// A tag that could not be made whole is not left half. That error is the one to tell; what
    /// fails here is only noted.
    fn undo(&self, control: &mut Control, id: CgroupId) {
        if let Err(error) = self.let_go(control, id) {
            tracing::warn!(cgroup = %id, %error, "a tag that failed could not be undone");
        }
    }

    /// Whether the cgroup may be tagged; its level below the v2 root if so.
    fn check(&self, cgroup: &Cgroup) -> Result<u32, InterceptError> {
        let path = cgroup.path();
        let refuse = |why| {
            Err(InterceptError::CgroupPath {
                path: path.to_path_buf(),
                why,
            })
        };
        if cgroup.is_root()? {
            return refuse("the root cgroup holds every process of the host");
        }
        let engines = Cgroup::resolve(ENGINES)?;
        let homes = [engines.path(), self.home.cgroup().path()];
        if homes.iter().any(|home| home.starts_with(path)) || path.starts_with(engines.path()) {
            return refuse("an engine lives in it, which would then be redirected to itself");
        }
        let level = level(cgroup)?;
        if level >= MAX_CGROUP_DEPTH {
            return refuse("it lies deeper than the programs look (15 levels below the root)");
        }
        if cgroup.escapable()? {
            return refuse(
                "a cgroup above it is delegated to a user, who could move processes out of it",
            );
        }
        Ok(level)
    }

    /// The pin directories of dead engines that govern this very cgroup. An error if any other
    /// tag stands in the way.
    fn governed_by_the_dead(
        &self,
        cgroup: &Cgroup,
        id: CgroupId,
    ) -> Result<Vec<PathBuf>, InterceptError> {
        let mut heirless = Vec::new();
        for pin_dir in pins::entries(self.pins.base()) {
            for governed in pins::tagged(&pin_dir) {
                let Some(other) = cgroup::find(governed)? else {
                    continue;
                };
                let dead = || pin_dir != self.pins.path() && PinDir::of_the_dead(&pin_dir).is_ok();
                if governed == id && dead() {
                    heirless.push(pin_dir.clone());
                } else if related(&other, cgroup.path()) {
                    return Err(InterceptError::Governed {
                        path: cgroup.path().to_path_buf(),
                        governed: other,
                        instance: name(&pin_dir),
                    });
                }
            }
        }
        Ok(heirless)
    }
}

/// How deep the cgroup lies, the v2 root being level 0.
pub(super) fn level(cgroup: &Cgroup) -> Result<u32, InterceptError> {
    Ok(u32::try_from(cgroup.depth()?).unwrap_or(u32::MAX))
}

fn related(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn name(pin_dir: &Path) -> String {
    pin_dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
