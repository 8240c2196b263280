//! Policies about names of the DNS: names that were asked about alike, for the same record types,
//! share one.
//!
//! A host is compared, never looked for in a domain: a name admits none below it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Times, Whom, names::Asked},
    Policy, Tally, Text, list, one_of, quoted,
};
use crate::vocabulary::RESOLVE;

type RecordTypes<'a> = BTreeSet<&'a str>;

/// Writes one policy for each set of record types that somebody asked names for.
pub(super) fn write(asked: &BTreeMap<Asked, Times>, text: &mut Text) {
    for ((whom, record_types), (hosts, tally)) in groups(asked) {
        let record_types = list(record_types);
        text.policy(Policy {
            whom,
            place: Vec::new(),
            actions: vec![RESOLVE],
            resource: "resource is Weir::Host".to_owned(),
            conditions: vec![
                one_of(&hosts),
                format!("{record_types}.contains(context.record_type)"),
            ],
            tally,
        });
    }
}

/// First the record types of each name come together, then the names of the same types.
fn groups(
    asked: &BTreeMap<Asked, Times>,
) -> BTreeMap<(&Whom, RecordTypes<'_>), (BTreeSet<String>, Tally<'_>)> {
    let mut by_host: BTreeMap<(&Whom, &str), (RecordTypes<'_>, Tally<'_>)> = BTreeMap::new();
    for (question, times) in asked {
        let (record_types, tally) = by_host.entry((&question.whom, &question.host)).or_default();
        record_types.insert(&question.record_type);
        tally.add(times);
    }
    let mut groups: BTreeMap<_, (BTreeSet<String>, Tally<'_>)> = BTreeMap::new();
    for ((whom, host), (record_types, tally)) in by_host {
        let (hosts, whole) = groups.entry((whom, record_types)).or_default();
        hosts.insert(format!("Weir::Host::{}", quoted(host)));
        whole.join(&tally);
    }
    groups
}
