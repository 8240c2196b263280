//! What a console says, as a table: kernel x suite.

use std::collections::BTreeMap;

use super::kernel::Kernel;
use super::suites::Suites;

/// How a line of the virtual machine's PID 1 begins.
const MARK: &str = "weir-vm: ";

/// What became of one kernel.
#[derive(Debug)]
pub(super) struct Report {
    kernel: Kernel,
    /// What the doctor found not well.
    lacking: Vec<String>,
    tier: String,
    suites: Vec<Outcome>,
}

/// What became of one suite.
#[derive(Debug, Default)]
struct Outcome {
    name: &'static str,
    tests: BTreeMap<String, String>,
    /// It came to its end and said how many passed.
    ended: bool,
    /// The rows of a table of ways around.
    ways: Vec<String>,
}

impl Report {
    pub(super) fn read(kernel: Kernel, suites: &Suites, console: &str) -> Self {
        let names: Vec<&'static str> = suites.all.iter().map(|suite| suite.name).collect();
        Self::parse(kernel, &names, console)
    }

    fn parse(kernel: Kernel, names: &[&'static str], console: &str) -> Self {
        let mut report = Self {
            kernel,
            lacking: Vec::new(),
            tier: "did not boot".to_owned(),
            suites: names
                .iter()
                .map(|name| Outcome {
                    name,
                    ..Outcome::default()
                })
                .collect(),
        };
        let mut now = None;
        for line in console.lines() {
            if let Some(told) = line.strip_prefix(MARK) {
                now = report
                    .told(told)
                    .or(now)
                    .filter(|_| !told.starts_with("end "));
            } else if let Some(suite) = now.and_then(|index| report.suites.get_mut::<usize>(index))
            {
                suite.heard(line);
            }
        }
        report
    }

    /// Takes a line of PID 1's; the suite that it begins, if it does.
    fn told(&mut self, told: &str) -> Option<usize> {
        let (word, rest) = told.split_once(' ').unwrap_or((told, ""));
        match word {
            "start" => return self.suites.iter().position(|suite| suite.name == rest),
            "probe" => {
                let (outcome, probe) = rest.split_once(' ').unwrap_or((rest, ""));
                if let Some(tier) = probe.strip_prefix("enforcement: ") {
                    self.tier = tier.to_owned();
                }
                if outcome != "ok" {
                    self.lacking.push(rest.to_owned());
                }
            }
            "error" => self.lacking.push(told.to_owned()),
            _ => {}
        }
        None
    }

    /// Whether all that was to run did, and passed.
    pub(super) fn is_good(&self) -> bool {
        self.suites
            .iter()
            .all(|suite| suite.ended && suite.count("FAILED") == 0)
    }

    /// What there is to know besides the numbers.
    pub(super) fn details(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .lacking
            .iter()
            .map(|probe| format!("  the doctor: {probe}"))
            .collect();
        for suite in &self.suites {
            lines.extend(suite.ways.iter().map(|way| format!("  {way}")));
            for (test, outcome) in &suite.tests {
                if outcome != "ok" {
                    lines.push(format!("  {} {test}: {outcome}", suite.name));
                }
            }
        }
        lines
    }
}

impl Outcome {
    fn heard(&mut self, line: &str) {
        if let Some((test, outcome)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        {
            self.tests.insert(test.to_owned(), outcome.to_owned());
        }
        self.ended |= line.starts_with("test result: ");
        let is_way = |word| line.contains(&format!("  {word}  "));
        if is_way("OPEN") || is_way("FAILED") || line.contains(" open in this tier, ") {
            self.ways.push(line.to_owned());
        }
    }

    fn count(&self, outcome: &str) -> usize {
        self.tests
            .values()
            .filter(|one| one.starts_with(outcome))
            .count()
    }

    fn cell(&self) -> String {
        let counts = format!(
            "{} passed, {} failed",
            self.count("ok"),
            self.count("FAILED")
        );
        if self.ended {
            counts
        } else {
            format!("{counts}, NOT ENDED")
        }
    }
}

/// A line a kernel.
pub(super) fn table(reports: &[Report]) -> Vec<String> {
    let mut lines = Vec::new();
    for report in reports {
        let cells: Vec<String> = report
            .suites
            .iter()
            .map(|suite| format!("{}: {:32}", suite.name, suite.cell()))
            .collect();
        lines.push(format!(
            "{:6} {}  enforcement: {}",
            report.kernel.series(),
            cells.join(" "),
            report.tier
        ));
    }
    lines.push(
        "not run there: the kernel suite's `containers` (the initial file system can't be pivoted \
         away from)"
            .to_owned(),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "noise\nweir-vm: kernel 6.1.0\nweir-vm: probe ok kernel: Linux 6.1\n\
        weir-vm: probe degraded Unix sockets: not judged\nweir-vm: probe ok enforcement: full\n\
        weir-vm: start kernel\nrunning 2 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\
        test result: FAILED. 1 passed\n\nweir-vm: end kernel exit status: 101\n\
        test not::ours ... ok\n";

    #[test]
    fn a_console_is_read_by_suite() {
        let report = Report::parse(Kernel::V6_1, &["kernel"], CONSOLE);
        assert_eq!(report.tier, "full");
        assert!(!report.is_good());
        assert_eq!(report.lacking, ["degraded Unix sockets: not judged"]);
        let table = table(std::slice::from_ref(&report)).join("\n");
        assert!(table.contains("1 passed, 1 failed "), "{table}");
        assert!(report.details().iter().any(|line| line.contains("a::c")));
    }

    #[test]
    fn a_suite_that_was_cut_off_is_not_good() {
        let cut = CONSOLE.split("test a::c").next().unwrap_or_default();
        let report = Report::parse(Kernel::V6_1, &["kernel"], cut);
        assert!(!report.is_good());
        assert!(table(&[report]).join("\n").contains("NOT ENDED"));
        assert!(!Report::parse(Kernel::V6_1, &["kernel"], "").is_good());
    }
}
