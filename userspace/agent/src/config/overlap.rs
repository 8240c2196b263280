//! Targets and workloads that are in each other's way, as far as the file alone can tell.
//!
//! Two names can resolve to the same address: that shows only at run time, where
//! [`route`](crate::route) refuses what is ambiguous.

use std::{collections::BTreeMap, sync::Arc};

use toml::Spanned;

use super::{
    cgroup::CgroupPath,
    invalid::InvalidValue,
    name::TargetName,
    report::Report,
    target::{Place, Target, Transport},
    workload::Workload,
};

/// The same place on the same port in two targets is ambiguous for a workload that reaches both.
/// Several targets for one place are fine where each workload reaches only one of them: that is
/// how workloads get credentials of their own.
pub(super) fn targets(
    targets: &[(Spanned<TargetName>, Arc<Target>)],
    workloads: &[Workload],
    report: &Report<'_>,
) {
    let mut taken: BTreeMap<(Transport, Place<'_>, u16), Vec<&Target>> = BTreeMap::new();
    for (name, target) in targets {
        let transport = target.protocol().transport();
        let clash = target.matches.places().find_map(|place| {
            target.matches.ports.iter().find_map(|port| {
                let others = taken.get(&(transport, place, *port))?;
                others.iter().find_map(|other| {
                    let workload = workloads.iter().find(|workload| {
                        workload.reach.includes(&other.name)
                            && workload.reach.includes(&target.name)
                    })?;
                    Some((place, port, other, workload))
                })
            })
        });
        if let Some((place, port, other, workload)) = clash {
            let wrong = format!(
                "targets `{}` and `{}` both match {place} on port {port}, and workload `{}` reaches both",
                other.name, target.name, workload.name
            );
            report.error(&name.span(), InvalidValue::new(wrong).help(
                "match different places, or let `targets` of the workload name only one of them",
            ));
        }
        for place in target.matches.places() {
            for port in &target.matches.ports {
                let entry = taken.entry((transport, place, *port)).or_default();
                if !entry.iter().any(|known| known.name == target.name) {
                    entry.push(target);
                }
            }
        }
    }
}

/// A process must belong to one workload only, so no workload's cgroup lies in another's.
pub(super) fn cgroups(cgroups: &[Spanned<CgroupPath>], report: &Report<'_>) {
    for (at, cgroup) in cgroups.iter().enumerate() {
        let clash = cgroups.iter().enumerate().find(|(other_at, other)| {
            let same = other.get_ref() == cgroup.get_ref();
            other.get_ref().holds(cgroup.get_ref()) && if same { *other_at < at } else { true }
        });
        if let Some((_, other)) = clash {
            let line = report.line(other.span().start);
            let wrong = InvalidValue::new(format!(
                "`{}` is inside the cgroup of another workload",
                cgroup.get_ref()
            ));
            report.error(
                &cgroup.span(),
                wrong.help(format!(
                    "`{}` is declared on line {line}; a process can have one workload only",
                    other.get_ref()
                )),
            );
        }
    }
}
