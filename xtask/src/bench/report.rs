//! What was measured: for a person as a table, for another run as JSON.

use std::fmt::Write as _;
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
    figures: Vec<Figure>,
}

/// One figure of it.
#[derive(Debug, Serialize, Deserialize)]
struct Figure {
    /// Of `value`: `µs`, `MB/s` …
    unit: String,
    value: Summary,
    /// Against what it is compared with, round by round.
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

    /// Adds a figure, one value a round, to what is measured; `base` is what it is compared with.
    /// Figures of the same thing stand in one row.
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
        let figure = Figure {
            unit: unit.to_owned(),
            value,
            ratio: base.and_then(|base| Summary::of_ratios(values, base)),
        };
        match self.rows.last_mut() {
            Some(row) if row.section == section && row.what == what => row.figures.push(figure),
            _ => self.rows.push(Row {
                section: section.to_owned(),
                what: what.to_owned(),
                figures: vec![figure],
            }),
        }
    }

    /// A table; with what an earlier run came to, if there is one.
    #[expect(clippy::print_stdout, reason = "the table is what was asked for")]
    pub(super) fn print(&self, before: Option<&Self>) {
        say::heading(format_args!(
            "Linux {}, medians of {} rounds in turns, quartiles in brackets",
            self.kernel, self.rounds
        ));
        for row in &self.rows {
            let mut line = format!("{:10} {:44}", row.section, row.what);
            for figure in &row.figures {
                let earlier = before.and_then(|before| before.same(row, figure));
                // Writing to a `String` can't fail.
                write!(line, "  {}", figure.text(earlier)).ok();
            }
            println!("{}", line.trim_end());
        }
    }

    fn same(&self, row: &Row, figure: &Figure) -> Option<&Figure> {
        self.rows
            .iter()
            .find(|other| other.section == row.section && other.what == row.what)?
            .figures
            .iter()
            .find(|other| other.unit == figure.unit)
    }
}

impl Figure {
    fn text(&self, earlier: Option<&Self>) -> String {
        let Summary { median, low, high } = self.value;
        let mut text = match &self.ratio {
            Some(ratio) => format!(
                "{median:9.2} {} ×{:.3} [{:.3}–{:.3}]",
                self.unit, ratio.median, ratio.low, ratio.high
            ),
            None => format!("{median:9.2} {} [{low:.2}–{high:.2}]", self.unit),
        };
        if let Some(earlier) = earlier {
            let was = earlier.value.median;
            write!(text, " was {was:.2} (×{:.3} since)", median / was).ok();
        }
        text
    }
}
