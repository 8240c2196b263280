//! What became of each test of a run.

use std::collections::BTreeMap;

use serde::Serialize;

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
    /// It came to its end, and this is what it saw.
    Saw(String),
}

impl Outcome {
    /// As its runner calls it.
    pub(super) fn read(word: &str) -> Option<Self> {
        match word {
            "passed" | "ok" => Some(Self::Passed),
            "failed" | "FAILED" => Some(Self::Failed),
            "skipped" | "ignored" => Some(Self::Skipped),
            _ => None,
        }
    }

    pub(super) fn has_passed(&self) -> bool {
        matches!(self, Self::Passed | Self::Saw(_))
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Saw(_) => "ended",
        }
    }
}

/// By the tests' names.
pub(super) type Outcomes = BTreeMap<String, Outcome>;

/// A run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) outcomes: Outcomes,
    /// All that it printed, for whoever asks why.
    pub(super) printed: String,
}

/// The outcomes in lines of `<prefix><name> … <word>` and the like, as `split` takes them apart. A test
/// that is told twice has failed if it did once.
pub(super) fn read<'a>(
    printed: &'a str,
    split: impl Fn(&'a str) -> Option<(String, Outcome)>,
) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for (name, outcome) in printed.lines().filter_map(split) {
        let told = outcomes.entry(name).or_insert(Outcome::Passed);
        if *told != Outcome::Failed {
            *told = outcome;
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_fails_while_it_is_taken_down_has_failed() {
        let split = |line: &'static str| {
            let (word, name) = line.split_once(' ')?;
            Some((name.to_owned(), Outcome::read(word)?))
        };
        let outcomes = read("passed a\nfailed a\npassed b\nnoise\nskipped c", split);
        let words: Vec<_> = outcomes.values().map(Outcome::word).collect();
        assert_eq!(words, ["failed", "passed", "skipped"]);
        assert_eq!(read("failed a\npassed a", split)["a"], Outcome::Failed);
    }
}
