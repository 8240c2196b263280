//! `[[workload]]`: a cgroup subtree that is governed.

use std::{collections::BTreeSet, sync::Arc};

use toml::Spanned;
use weir_intercept::Rules;
use weir_policy::Mode;

use super::{
    cgroup::CgroupPath,
    identity::Identity,
    invalid::InvalidValue,
    name::{IdentityName, TargetName, WorkloadName},
    report::Report,
    rules,
    stanza::{Declared, Stanza},
    table::Table,
    target::Target,
};

/// A declared workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: WorkloadName,
    /// The cgroup whose processes, and their descendants, it is.
    pub cgroup: CgroupPath,
    /// Whether weir makes the cgroup where it isn't there. Never for a unit's.
    pub create: bool,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// Which targets it may reach.
    pub reach: Reach,
    /// Whether its verdicts are carried out.
    pub mode: Mode,
    /// At which ports it may answer, and which Unix sockets it may reach.
    pub rules: Rules,
}

/// Which targets a workload may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every declared one.
    All,
    /// These.
    Only(BTreeSet<TargetName>),
}

impl Reach {
    /// Whether this target is within reach.
    #[must_use]
    pub fn includes(&self, target: &TargetName) -> bool {
        match self {
            Self::All => true,
            Self::Only(targets) => targets.contains(target),
        }
    }
}

/// A workload whose references are still only words.
pub(super) struct Unlinked {
    name: WorkloadName,
    pub(super) cgroup: Spanned<CgroupPath>,
    create: bool,
    identity: Spanned<IdentityName>,
    targets: Option<Vec<Spanned<TargetName>>>,
    mode: Mode,
    rules: Rules,
}

pub(super) fn read(mut table: Table<'_>) -> Stanza<WorkloadName, Unlinked> {
    let name = table
        .required("name", "name = \"ci\"")
        .and_then(|v| v.located::<WorkloadName>());
    let path = table.optional("cgroup");
    let unit = table.optional("unit");
    let create = table.optional("create");
    let identity = table
        .required("identity", "identity = \"…\", the name of an [[identity]]")
        .and_then(|v| v.located());
    let targets = table.optional("targets").map(|v| v.each(|t| t.parse()));
    let rules = rules::read(&mut table);
    let modes = [Mode::Enforce, Mode::Observe].map(|mode| (mode.as_str(), mode));
    let mode = match table.optional("mode") {
        Some(mode) => mode.one_of(&modes),
        None => Some(Mode::default()),
    };
    let cgroup = match (&path, &unit) {
        (Some(path), None) => path.located(),
        (None, Some(unit)) => unit
            .check(CgroupPath::of_unit)
            .map(|p| Spanned::new(unit.span(), p)),
        (Some(_), Some(unit)) => {
            unit.wrong(
                InvalidValue::new("`cgroup` and `unit` both say where the workload is")
                    .help("keep one of them"),
            );
            None
        }
        (None, None) => {
            table.missing(
                "`cgroup` or `unit`",
                "cgroup = \"/weir/ci\" or unit = \"agents.slice\"",
            );
            None
        }
    };
    if let (Some(_), Some(create)) = (&unit, &create) {
        create.wrong(
            InvalidValue::new("a unit's cgroup is made by systemd").help("take `create` out"),
        );
    }
    let create = create.map(|v| v.flag());
    table.finish();
    let value = (|| {
        Some(Unlinked {
            name: name.as_ref()?.get_ref().clone(),
            cgroup: cgroup?,
            create: create.flatten().unwrap_or(false),
            identity: identity?,
            targets,
            mode: mode?,
            rules,
        })
    })();
    Stanza { name, value }
}

impl Unlinked {
    /// Puts identities in place of their names, and holds the names of targets to those that are
    /// declared; unknown ones are reported.
    pub(super) fn link(
        self,
        identities: &Declared<IdentityName, Arc<Identity>>,
        targets: &Declared<TargetName, Arc<Target>>,
        report: &Report<'_>,
    ) -> Option<Workload> {
        let reach = match self.targets {
            None => Reach::All,
            Some(names) => Reach::Only(
                names
                    .into_iter()
                    .filter(|name| targets.look_up(name, report).is_some())
                    .map(Spanned::into_inner)
                    .collect(),
            ),
        };
        let identity = identities.look_up(&self.identity, report)?.clone()?;
        Some(Workload {
            name: self.name,
            cgroup: self.cgroup.into_inner(),
            create: self.create,
            identity,
            reach,
            mode: self.mode,
            rules: self.rules,
        })
    }
}
