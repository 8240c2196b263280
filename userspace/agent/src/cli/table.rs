//! Rows under headings, in columns as wide as their widest cell.
//!
//! Job: align. Not its job: wrap or shorten, since what is cut off is what someone looks for; a
//! narrow terminal wraps the line by itself.

use std::io;

use super::{
    line::{Line, Tone},
    out::Out,
};

const GAP: &str = "  ";

/// A heading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    right: bool,
}

/// Rows to be aligned.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Line>>,
}

impl Column {
    /// Text, aligned to the left.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name, right: false }
    }

    /// Numbers, aligned to the right.
    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, right: true }
    }
}

impl Table {
    /// An empty table under these headings.
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// One more row. A row shorter than the headings ends early; cells beyond them are not shown.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<Line>>) {
        self.rows.push(cells.into());
    }

    /// Prints the headings and every row.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn print(&self, out: &mut Out) -> io::Result<()> {
        let heading: Vec<Line> = self
            .columns
            .iter()
            .map(|column| Line::of(Tone::Dim, column.name))
            .collect();
        let mut widths: Vec<usize> = heading.iter().map(Line::width).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        for row in std::iter::once(&heading).chain(&self.rows) {
            out.line(&self.aligned(row, &widths))?;
        }
        Ok(())
    }

    fn aligned(&self, row: &[Line], widths: &[usize]) -> Line {
        let shown = row.len().min(self.columns.len());
        let mut line = Line::new();
        for (i, ((cell, column), width)) in row.iter().zip(&self.columns).zip(widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let last = i + 1 == shown;
            line = match (column.right, last) {
                (true, _) => line.text(padding).join(cell.clone()),
                (false, true) => line.join(cell.clone()),
                (false, false) => line.join(cell.clone()).text(padding),
            };
            if !last {
                line = line.text(GAP);
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::{super::out::capture, *};

    #[test]
    fn columns_align_and_hostile_cells_stay_in_theirs() {
        let mut table = Table::new([
            Column::text("name"),
            Column::number("rows"),
            Column::text("end"),
        ]);
        table.row([Line::plain("a\nb"), Line::plain(7), Line::plain("closed")]);
        table.row([
            Line::plain("漢字"),
            Line::plain(1234),
            Line::plain("\u{1b}[2J"),
        ]);
        assert_eq!(
            capture::plain(|out| table.print(out)),
            "name  rows  end\n\
             a\\nb     7  closed\n\
             漢字  1234  \\x1b[2J\n"
        );
    }

    #[test]
    fn a_short_row_ends_early_and_leaves_no_trailing_space() {
        let mut table = Table::new([Column::text("a"), Column::text("b")]);
        table.row([Line::plain("x")]);
        assert_eq!(capture::plain(|out| table.print(out)), "a  b\nx\n");
    }
}
