//! The differences that there should be, each with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    #[serde(default)]
    difference: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    suite: String,
    tests: Vec<String>,
    /// It depends on what is faster.
    #[serde(default)]
    sometimes: bool,
    reason: String,
}

/// Those of one suite, by the test's name.
pub(super) type Reasons<'a> = BTreeMap<&'a str, Reason<'a>>;

/// Why a test differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason<'a> {
    pub(super) why: &'a str,
    /// It need not.
    pub(super) sometimes: bool,
}

impl Known {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read the known differences in {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot make sense of {}", file.display()))
    }

    /// Those of this suite.
    pub(super) fn of(&self, suite: &str) -> Reasons<'_> {
        self.difference
            .iter()
            .filter(|difference| difference.suite == suite)
            .flat_map(|difference| {
                let reason = Reason {
                    why: &difference.reason,
                    sometimes: difference.sometimes,
                };
                let named = difference.tests.iter();
                named.map(move |test| (test.as_str(), reason))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_is_read_and_names_suites_that_there_are() {
        use clap::ValueEnum as _;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testbed/drivers/known.toml");
        let known = Known::read(&file).unwrap();
        for Difference { suite, reason, .. } in &known.difference {
            super::super::Suite::from_str(suite, false).unwrap();
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn a_name_without_a_reason_is_no_known_difference() {
        let parse = |text: &str| toml::from_str::<Known>(text);
        assert!(parse("[[difference]]\nsuite = \"a\"\ntests = [\"t\"]\n").is_err());
        let text = "[[difference]]\nsuite = \"a\"\ntests = [\"t\", \"u\"]\nreason = \"so\"\n";
        let known = parse(text).unwrap();
        let reason = Reason {
            why: "so",
            sometimes: false,
        };
        assert_eq!(known.of("a"), [("t", reason), ("u", reason)].into());
        assert!(known.of("b").is_empty());
    }
}
