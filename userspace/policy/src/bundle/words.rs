//! What policies compare facts with that have few values: a word that a fact never is would make the policy
//! silently weaker than it looks.
//!
//! Known limits: patterns (`like`), and a fact that is compared with another, are not looked into.

use serde_json::Value;

use super::schemas::nodes;

/// The facts of `context` that are one of these words, or a set of them.
const FACTS: [(&str, &[&str]); 5] = [
    (
        "weekday",
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
    ),
    (
        "predicate",
        &["not_applicable", "absent", "trivial", "present"],
    ),
    ("access", &["read", "write", "define", "none"]),
    (
        "effects",
        &[
            "ddl",
            "destroy",
            "privilege",
            "file",
            "program",
            "network",
            "dynamic_code",
            "derives",
            "setting",
            "session",
        ],
    ),
    (
        "opaque_reason",
        &[
            "encoding",
            "syntax",
            "too_large",
            "unsupported",
            "changes_lexing",
        ],
    ),
];

/// A comparison that no request can meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Never {
    #[error("`context.{fact}` is never `{}`", word.escape_debug())]
    Word {
        fact: &'static str,
        word: String,
        words: &'static [&'static str],
    },
    #[error("no hour is `{operator} {hour}`")]
    Hour { operator: &'static str, hour: i64 },
}

impl Never {
    /// What is compared with, as the policy has it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Word { word, .. } => format!("\"{word}\""),
            Self::Hour { hour, .. } => format!("{hour}"),
        }
    }

    /// The way out.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Word { words, .. } => format!("it knows: {}", words.join(", ")),
            Self::Hour { .. } => "`context.hour` is 0 to 23".to_owned(),
        }
    }
}

/// The comparisons of a policy, in Cedar's JSON form, that are never met.
pub(super) fn never(policy: &Value) -> Vec<Never> {
    let mut found = Vec::new();
    for node in nodes(policy) {
        for operator in ["==", "!=", "contains", "containsAll", "containsAny"] {
            if let Some((fact, words, other)) = compared(node, operator) {
                let named = literals(other).into_iter();
                found.extend(named.filter(|word| !words.contains(word)).map(|word| {
                    let word = word.to_owned();
                    Never::Word { fact, word, words }
                }));
            }
        }
        found.extend(hour(node));
    }
    found
}

/// The words that an operand may be, or a set of: not those that choose between them.
fn literals(operand: &Value) -> Vec<&str> {
    let (mut found, mut todo) = (Vec::new(), vec![operand]);
    while let Some(operand) = todo.pop() {
        found.extend(operand.get("Value").and_then(Value::as_str));
        todo.extend(
            operand
                .get("Set")
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        );
        if let Some(chosen) = operand.get("if-then-else") {
            todo.extend(
                ["then", "else"]
                    .iter()
                    .filter_map(|branch| chosen.get(branch)),
            );
        }
    }
    found
}

/// A fact with few values that is compared, its values, and what it is compared with.
fn compared<'a>(
    node: &'a Value,
    operator: &str,
) -> Option<(&'static str, &'static [&'static str], &'a Value)> {
    let (left, right) = sides(node, operator)?;
    FACTS.into_iter().find_map(|(fact, words)| {
        let other = match (is_fact(left, fact), is_fact(right, fact)) {
            (true, _) => right,
            (_, true) => left,
            _ => return None,
        };
        Some((fact, words, other))
    })
}

fn hour(node: &Value) -> Option<Never> {
    type Holds = fn(&i64, &i64) -> bool;
    // Each also as it reads from the other side.
    let operators: [(&'static str, &'static str, Holds); 5] = [
        ("==", "==", i64::eq),
        ("<", ">", i64::lt),
        ("<=", ">=", i64::le),
        (">", "<", i64::gt),
        (">=", "<=", i64::ge),
    ];
    operators.into_iter().find_map(|(operator, turned, holds)| {
        let (left, right) = sides(node, operator)?;
        let number = |side: &Value| side.get("Value")?.as_i64();
        let (operator, hour, holds) = if is_fact(left, "hour") {
            (operator, number(right)?, holds)
        } else if is_fact(right, "hour") {
            let (.., holds) = operators.into_iter().find(|(own, ..)| *own == turned)?;
            (turned, number(left)?, holds)
        } else {
            return None;
        };
        let ever = (0..24).any(|at| holds(&at, &hour));
        (!ever).then_some(Never::Hour { operator, hour })
    })
}

fn sides<'a>(node: &'a Value, operator: &str) -> Option<(&'a Value, &'a Value)> {
    let operands = node.get(operator)?;
    Some((operands.get("left")?, operands.get("right")?))
}

/// Whether it is this fact of `context`.
pub(super) fn is_fact(node: &Value, fact: &str) -> bool {
    node.pointer("/./attr").is_some_and(|attr| attr == fact)
        && node
            .pointer("/./left/Var")
            .is_some_and(|var| var == "context")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, str::FromStr as _};

    use cedar_policy::Policy;
    use weir_command::Effect;

    use super::*;
    use crate::{Weekday, vocabulary::SCHEMA};

    fn never_in(condition: &str) -> Vec<String> {
        let text = format!("forbid(principal, action, resource) when {{ {condition} }};");
        let policy = Policy::from_str(&text).unwrap().to_json().unwrap();
        never(&policy).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_that_a_fact_never_is_are_found_on_either_side() {
        for (condition, found) in [
            (
                "context.weekday == \"Mon\"",
                "`context.weekday` is never `Mon`",
            ),
            (
                "\"abcent\" == context.predicate",
                "`context.predicate` is never `abcent`",
            ),
            (
                "context.access != \"wirte\"",
                "`context.access` is never `wirte`",
            ),
            (
                "context.effects.contains(\"foo\")",
                "`context.effects` is never `foo`",
            ),
            (
                "context.effects.containsAny([\"ddl\", \"drop\"])",
                "`context.effects` is never `drop`",
            ),
            (
                "context has opaque_reason && [\"syntax\", \"big\"].contains(context.opaque_reason)",
                "`context.opaque_reason` is never `big`",
            ),
            (
                "context.weekday == (if context.hour > 5 then \"Sun\" else \"monday\")",
                "`context.weekday` is never `Sun`",
            ),
        ] {
            assert_eq!(never_in(condition), [found], "{condition}");
        }
    }

    #[test]
    fn hours_that_never_come_are_found() {
        for never in [
            "context.hour > 23",
            "context.hour >= 24",
            "24 <= context.hour",
            "0 > context.hour",
            "context.hour == 24",
            "context.hour < 0",
        ] {
            assert_eq!(never_in(never).len(), 1, "{never}");
        }
        assert_eq!(never_in("24 < context.hour"), ["no hour is `> 24`"]);
        for ever in [
            "context.hour < 24",
            "context.hour >= 18 && context.hour <= 23",
            "context.hour != 24",
            "context.hour == 0",
        ] {
            assert_eq!(never_in(ever), Vec::<String>::new(), "{ever}");
        }
    }

    #[test]
    fn what_is_meant_is_let_be() {
        for fine in [
            "context.weekday == \"saturday\" || context.weekday == \"sunday\"",
            "context.predicate == \"absent\" && context.effects.contains(\"dynamic_code\")",
            "resource.name == \"Mon\" && context.workload == \"absent\"",
            "context.functions.contains(\"foo\")",
            "context.weekday == (if context.workload == \"batch\" then \"sunday\" else \"monday\")",
        ] {
            assert_eq!(never_in(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn the_words_are_all_that_there_are() {
        let words = |fact: &str| -> BTreeSet<&str> {
            let (_, words) = FACTS.into_iter().find(|(own, _)| *own == fact).unwrap();
            words.iter().copied().collect()
        };
        let days: BTreeSet<&str> = Weekday::ALL.into_iter().map(Weekday::as_str).collect();
        assert_eq!(words("weekday"), days);
        // What it doesn't know it names all others for.
        let known = serde_json::from_str::<Effect>("\"?\"")
            .unwrap_err()
            .to_string();
        let known = known.split('`').skip(3).step_by(2);
        assert_eq!(words("effects"), known.collect());
        for fact in ["predicate", "access", "opaque_reason"] {
            let at = SCHEMA.find(&format!("    {fact}")).unwrap();
            let (before, _) = SCHEMA.split_at(at);
            let (_, comment) = before.rsplit_once(";\n").unwrap();
            for word in words(fact) {
                assert!(comment.contains(word), "{fact}: {word} in {comment}");
            }
        }
    }
}
