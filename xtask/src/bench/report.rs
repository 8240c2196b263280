//! What was measured: for a person as a table, for another run as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::measure::Summary;
use crate::say;

/// A whole run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// The kernel it ran on.
    kernel: String,
    /// How often each thing was measured.
    rounds: u32,
    rows: Vec<Row>,
}

/// One thing that was measured.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    section: String,
    what: String,
    /// Of `value`: `µs`, `MB/s` …
    unit: String,
    value: Summary,
    /// Against the section's first row, round by round.
    ratio: Option<Summary>,
}

impl Report {
    pub(super) fn new(rounds: u32) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            kernel: kernel.trim().to_owned(),
            rounds,
            rows: Vec::new(),
        }
    }

    /// A run that was kept.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read(file).with_context(|| format!("cannot read the run in {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} holds no run of the benchmark", file.display()))
    }

    /// Keeps it for another run to compare with.
    pub(super) fn keep(&self, file: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Adds a measurement, one value a round; `base` is what it is compared with.
    pub(super) fn add(
        &mut self,
        section: &str,
        what: &str,
        unit: &str,
        values: &[f64],
        base: Option<&[f64]>,
    ) {
        let Some(value) = Summary::of(values) else {
            return;
        };
        self.rows.push(Row {
            section: section.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            value,
            ratio: base.and_then(|base| Summary::of_ratios(values, base)),
        });
    }

    /// A table; with what an earlier run came to, if there is one.
    #[expect(clippy::print_stdout, reason = "the table is what was asked for")]
    pub(super) fn print(&self, before: Option<&Self>) {
        say::heading(format_args!(
            "Linux {}, medians of {} rounds in turns, quartiles in brackets",
            self.kernel, self.rounds
        ));
        for row in &self.rows {
            let ratio = row
                .ratio
                .map(|ratio| format!("×{:.3} [{:.3}–{:.3}]", ratio.median, ratio.low, ratio.high))
                .unwrap_or_default();
            let earlier = before
                .and_then(|before| before.same(row))
                .map(|earlier| {
                    format!(
                        "  was {:.2} (×{:.3} since)",
                        earlier.value.median,
                        row.value.median / earlier.value.median
                    )
                })
                .unwrap_or_default();
            let Summary { median, low, high } = row.value;
            println!(
                "{:10} {:48} {median:10.2} {:5} [{low:.2}–{high:.2}]  {ratio}{earlier}",
                row.section, row.what, row.unit,
            );
        }
    }

    fn same(&self, row: &Row) -> Option<&Row> {
        self.rows
            .iter()
            .find(|other| other.section == row.section && other.what == row.what)
    }
}
