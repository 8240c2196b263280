//! The signals that policies name: one that isn't declared would never be raised, and one that
//! nothing looks at is raised in vain.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde_json::Value;

use super::{schemas::nodes, source::Sorted, words::is_fact};
use crate::{Diagnostic, Severity, Source};

/// Signals by name, as policies use them.
#[derive(Debug, Default)]
pub(super) struct Named {
    names: BTreeMap<String, (Source, Range<usize>)>,
    /// A policy looks at whatever is raised (`context.signals.isEmpty()`).
    any: bool,
}

impl Named {
    /// Notes the signals that a policy, in Cedar's JSON form, compares with; `place` is where it
    /// names one.
    pub(super) fn note(
        &mut self,
        policy: &Value,
        mut place: impl FnMut(&str) -> (Source, Range<usize>),
    ) {
        let looks = nodes(policy).filter(|node| is_signals(node)).count();
        let mut understood = 0;
        for node in nodes(policy) {
            for operator in ["contains", "containsAny", "containsAll", "=="] {
                let Some(operands) = node.get(operator) else {
                    continue;
                };
                let sides = [operands.get("left"), operands.get("right")];
                let [Some(left), Some(right)] = sides else {
                    continue;
                };
                let other = match (is_signals(left), is_signals(right)) {
                    (true, _) => right,
                    (_, true) => left,
                    _ => continue,
                };
                understood += 1;
                for name in nodes(other).filter_map(|value| value.get("Value")?.as_str()) {
                    self.names
                        .entry(name.to_owned())
                        .or_insert_with(|| place(name));
                }
            }
        }
        self.any |= looks > understood;
    }

    /// What is wrong with them, given where the declared ones are.
    pub(super) fn check(
        &self,
        sorted: &Sorted<'_>,
        places: &BTreeMap<String, Range<usize>>,
    ) -> Vec<Diagnostic> {
        let unknown = self.names.iter();
        let unknown = unknown.filter(|(name, _)| !places.contains_key(*name));
        let mut found: Vec<Diagnostic> = unknown
            .map(|(name, (source, span))| {
                let declared: BTreeSet<&str> = places.keys().map(String::as_str).collect();
                let declared: Vec<&str> = declared.into_iter().collect();
                Diagnostic::at(
                    Severity::Error,
                    source,
                    span.clone(),
                    format!("no signal is called `{}`", name.escape_debug()),
                    Some(match declared.as_slice() {
                        [] => format!("{} declares none", sorted.signals.name),
                        _ => format!("{} declares: {}", sorted.signals.name, declared.join(", ")),
                    }),
                )
            })
            .collect();
        if sorted.own_signals && !self.any {
            let unused = places
                .iter()
                .filter(|(name, _)| !self.names.contains_key(*name));
            found.extend(unused.map(|(name, span)| {
                Diagnostic::at(
                    Severity::Warning,
                    sorted.signals,
                    span.clone(),
                    format!("no policy looks at the signal `{name}`"),
                    Some(format!(
                        "a policy reads it by context.signals.contains(\"{name}\")"
                    )),
                )
            }));
        }
        found
    }
}

/// Whether it is `context.signals`.
fn is_signals(node: &Value) -> bool {
    is_fact(node, "signals")
}
