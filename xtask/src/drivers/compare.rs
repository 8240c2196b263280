//! One suite's two runs, side by side.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::known::Reasons;
use super::outcome::{Outcome, Outcomes};
use crate::say;

/// How many lines of what a program saw are told around the first that differs.
const LINES_TOLD: usize = 3;

/// What a suite's runs came to.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    suite: &'static str,
    direct: Counts,
    weir: Counts,
    differences: Vec<Difference>,
    /// What failed or was missing directly, and passed.
    through_weir_alone: Vec<String>,
    /// Known differences that are none.
    stale: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// A test that is not the same through weir.
#[derive(Debug, Serialize)]
struct Difference {
    test: String,
    direct: &'static str,
    weir: &'static str,
    /// What a program saw, from the first line that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    saw: Option<[String; 2]>,
    /// Why it should differ.
    known: Option<String>,
}

impl Comparison {
    pub(super) fn new(
        suite: &'static str,
        direct: &Outcomes,
        weir: &Outcomes,
        known: &Reasons<'_>,
    ) -> Self {
        let differences: Vec<_> = direct
            .iter()
            .filter(|(_, outcome)| outcome.has_passed())
            .filter(|(test, outcome)| weir.get(*test) != Some(*outcome))
            .map(|(test, outcome)| Difference::new(test, outcome, weir.get(test), known))
            .collect();
        // No promise is broken by what passes through weir alone: chance, or a time that it asserts.
        let better = weir.iter().filter(|(test, outcome)| {
            outcome.has_passed() && !direct.get(*test).is_some_and(Outcome::has_passed)
        });
        let differs = |test: &str| differences.iter().any(|found| found.test == test);
        let stale = known
            .iter()
            .filter(|(test, reason)| !reason.sometimes && !differs(test));
        Self {
            suite,
            direct: Counts::of(direct),
            weir: Counts::of(weir),
            through_weir_alone: better.map(|(test, _)| test.clone()).collect(),
            stale: stale.map(|(&test, _)| test.to_owned()).collect(),
            differences,
        }
    }

    /// Whether nothing differs but what is known to.
    pub(super) fn holds(&self) -> bool {
        self.stale.is_empty() && self.differences.iter().all(|found| found.known.is_some())
    }
}

impl Difference {
    fn new(test: &str, direct: &Outcome, weir: Option<&Outcome>, known: &Reasons<'_>) -> Self {
        let saw = match (direct, weir) {
            (Outcome::Saw(direct), Some(Outcome::Saw(weir))) => Some(apart(direct, weir)),
            _ => None,
        };
        Self {
            test: test.to_owned(),
            direct: direct.word(),
            weir: match (weir, &saw) {
                (_, Some(_)) => "other",
                (Some(outcome), None) => outcome.word(),
                (None, None) => "absent",
            },
            saw,
            known: known.get(test).map(|reason| reason.why.to_owned()),
        }
    }
}

/// Both from the first line on that differs.
fn apart(one: &str, other: &str) -> [String; 2] {
    let same = one
        .lines()
        .zip(other.lines())
        .take_while(|(one, other)| one == other)
        .count();
    [one, other].map(|text| {
        let lines: Vec<_> = text.lines().skip(same).take(LINES_TOLD).collect();
        lines.join("\n")
    })
}

impl Counts {
    fn of(outcomes: &Outcomes) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes.values() {
            match outcome {
                Outcome::Passed | Outcome::Saw(_) => counts.passed += 1,
                Outcome::Failed => counts.failed += 1,
                Outcome::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    fn text(&self) -> String {
        format!("{:>6} {:>6} {:>7}", self.passed, self.failed, self.skipped)
    }
}

/// Says it all: a row a suite, and each test that differs.
#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
pub(super) fn print(comparisons: &[Comparison], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(comparisons)?);
        return Ok(());
    }
    println!(
        "{:20} {:^21}  {:^21}  {:>7} {:>6}",
        "", "direct", "through weir", "differ", "known"
    );
    let head = format!("{:>6} {:>6} {:>7}", "passed", "failed", "skipped");
    println!("{:20} {head}  {head}", "suite");
    for compared in comparisons {
        let known = compared
            .differences
            .iter()
            .filter(|found| found.known.is_some());
        println!(
            "{:20} {}  {}  {:>7} {:>6}",
            compared.suite,
            compared.direct.text(),
            compared.weir.text(),
            compared.differences.len(),
            known.count(),
        );
    }
    for compared in comparisons {
        for found in &compared.differences {
            tell(compared.suite, found);
        }
        for test in &compared.through_weir_alone {
            say::line(format_args!(
                "{}: {test}: passed through weir alone",
                compared.suite
            ));
        }
        for test in &compared.stale {
            say::bad(format_args!(
                "{}: {test} is known to differ, and doesn't",
                compared.suite
            ));
        }
    }
    Ok(())
}

fn tell(suite: &str, found: &Difference) {
    let Difference {
        test,
        direct,
        weir,
        saw,
        known,
    } = found;
    let mut text = format!("{suite}: {test}: {direct} directly, {weir} through weir");
    for (how, lines) in ["directly", "weir"].iter().zip(saw.iter().flatten()) {
        for line in lines.lines() {
            // Writing to a `String` can't fail.
            write!(text, "\n    {how:8} {line}").ok();
        }
    }
    match known {
        Some(reason) => say::line(format_args!("{text}, as it should: {reason}")),
        None => say::bad(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::Reason;
    use super::*;

    fn outcomes(list: &[(&str, Outcome)]) -> Outcomes {
        let owned = |(name, outcome): &(&str, Outcome)| ((*name).to_owned(), outcome.clone());
        list.iter().map(owned).collect()
    }

    fn saw(text: &str) -> Outcome {
        Outcome::Saw(text.to_owned())
    }

    fn holds(direct: &[(&str, Outcome)], weir: &[(&str, Outcome)], known: &Reasons<'_>) -> bool {
        Comparison::new("suite", &outcomes(direct), &outcomes(weir), known).holds()
    }

    #[test]
    fn what_passes_directly_and_not_through_weir_differs() {
        use Outcome::{Failed, Passed, Skipped};
        let none = Reasons::new();
        assert!(holds(&[("a", Passed)], &[("a", Passed)], &none));
        assert!(holds(&[("a", Failed)], &[("a", Failed)], &none));
        for worse in [Failed, Skipped] {
            assert!(!holds(&[("a", Passed)], &[("a", worse)], &none));
        }
        assert!(!holds(&[("a", Passed)], &[], &none), "it was not even run");
        assert!(holds(&[("a", Failed)], &[("a", Passed)], &none));
        let known = |sometimes| {
            let why = "so";
            Reasons::from([("a", Reason { why, sometimes })])
        };
        for sometimes in [true, false] {
            let differs = holds(&[("a", Passed)], &[("a", Failed)], &known(sometimes));
            assert!(differs);
            let stale = !holds(&[("a", Passed)], &[("a", Passed)], &known(sometimes));
            assert_eq!(stale, !sometimes);
        }
    }

    #[test]
    fn a_program_must_see_the_same() {
        let none = Reasons::new();
        assert!(holds(&[("a", saw("1\n"))], &[("a", saw("1\n"))], &none));
        assert!(!holds(&[("a", saw("1\n"))], &[("a", saw("2\n"))], &none));
        assert_eq!(apart("1\n2\n3", "1\nx\n3"), ["2\n3", "x\n3"]);
    }
}
