//! Rows drawn as psql draws them.
//!
//! Rows are held back only until there are enough to know how wide the columns are; a result of
//! any size passes through. Known limit: a later row with a wider value than those is ragged.

use std::io;

use super::super::super::{
    line::{Line, Tone},
    out::Out,
};

/// How many rows decide the widths.
const HELD_ROWS: usize = 500;
/// How many columns of the terminal a value can make the others pay for.
const WIDEST: usize = 80;

/// One column of a result.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) name: String,
    pub(super) right: bool,
    /// The agent saw its values masked.
    pub(super) masked: bool,
}

impl Heading {
    fn title(&self) -> Line {
        let title = Line::of(Tone::Strong, &self.name);
        if self.masked {
            title.and(Tone::Warn, " (masked)")
        } else {
            title
        }
    }
}

/// One result, as it comes.
#[derive(Debug)]
pub(super) struct Grid {
    headings: Vec<Heading>,
    widths: Vec<usize>,
    held: Vec<Vec<Line>>,
    headed: bool,
    rows: u64,
}

impl Grid {
    pub(super) fn new(headings: Vec<Heading>) -> Self {
        let widths = headings
            .iter()
            .map(|heading| width(&heading.title()))
            .collect();
        Self {
            headings,
            widths,
            held: Vec::new(),
            headed: false,
            rows: 0,
        }
    }

    /// One more row; `None` is NULL.
    pub(super) fn row(&mut self, values: Vec<Option<String>>, out: &mut Out) -> io::Result<()> {
        let cells: Vec<Line> = values
            .into_iter()
            .enumerate()
            .map(|(i, value)| {
                let masked = self.headings.get(i).is_some_and(|heading| heading.masked);
                let tone = if masked { Tone::Warn } else { Tone::Plain };
                value.map_or_else(
                    || Line::of(Tone::Dim, "NULL"),
                    |value| Line::of(tone, value),
                )
            })
            .collect();
        if !self.headed {
            for (widest, cell) in self.widths.iter_mut().zip(&cells) {
                *widest = (*widest).max(width(cell));
            }
        }
        self.rows += 1;
        self.held.push(cells);
        if self.headed || self.held.len() == HELD_ROWS {
            self.release(out)?;
        }
        Ok(())
    }

    /// Prints what is held back, and how many rows there were.
    pub(super) fn finish(mut self, out: &mut Out) -> io::Result<()> {
        self.release(out)?;
        let noun = if self.rows == 1 { "row" } else { "rows" };
        out.line(&Line::of(Tone::Dim, format!("({} {noun})", self.rows)))
    }

    fn release(&mut self, out: &mut Out) -> io::Result<()> {
        if !self.headed {
            self.headed = true;
            let names: Vec<Line> = self.headings.iter().map(Heading::title).collect();
            out.line(&self.drawn(&names))?;
            let rule: Vec<String> = self
                .widths
                .iter()
                .map(|width| "-".repeat(width + 2))
                .collect();
            out.line(&Line::of(Tone::Dim, rule.join("+")))?;
        }
        for row in std::mem::take(&mut self.held) {
            out.line(&self.drawn(&row))?;
        }
        Ok(())
    }

    fn drawn(&self, cells: &[Line]) -> Line {
        let mut line = Line::new();
        let last = cells.len().saturating_sub(1);
        for (i, cell) in cells.iter().enumerate() {
            let widest = self.widths.get(i).copied().unwrap_or(0);
            let padding = " ".repeat(widest.saturating_sub(width(cell)));
            let right = self.headings.get(i).is_some_and(|heading| heading.right);
            line = if i == 0 {
                line.text(" ")
            } else {
                line.and(Tone::Dim, " | ")
            };
            line = match (right, i == last) {
                (true, _) => line.text(padding).join(cell.clone()),
                (false, true) => line.join(cell.clone()),
                (false, false) => line.join(cell.clone()).text(padding),
            };
        }
        line
    }
}

fn width(cell: &Line) -> usize {
    cell.width().min(WIDEST)
}

#[cfg(test)]
mod tests {
    use super::{super::super::super::out::capture, *};

    fn heading(name: &str, right: bool) -> Heading {
        Heading {
            name: name.to_owned(),
            right,
            masked: false,
        }
    }

    #[test]
    fn a_result_looks_like_psql_s() {
        let shown = capture::plain(|out| {
            let mut grid = Grid::new(vec![heading("id", true), heading("name", false)]);
            grid.row(vec![Some("1".into()), Some("Ada".into())], out)?;
            grid.row(vec![Some("22".into()), None], out)?;
            grid.finish(out)
        });
        assert_eq!(
            shown,
            " id | name\n----+------\n  1 | Ada\n 22 | NULL\n(2 rows)\n"
        );
    }

    #[test]
    fn an_empty_result_has_its_headings() {
        let shown = capture::plain(|out| Grid::new(vec![heading("id", true)]).finish(out));
        assert_eq!(shown, " id\n----\n(0 rows)\n");
    }

    #[test]
    fn every_row_of_a_long_result_is_shown_once() {
        let shown = capture::plain(|out| {
            let mut grid = Grid::new(vec![heading("n", true)]);
            for n in 0..1_234 {
                grid.row(vec![Some(n.to_string())], out)?;
            }
            grid.finish(out)
        });
        assert_eq!(shown.lines().count(), 1_234 + 3);
        assert!(shown.ends_with(" 1233\n(1234 rows)\n"));
    }

    #[test]
    fn one_huge_value_is_whole_and_does_not_widen_the_others() {
        let huge = "x".repeat(10_000);
        let shown = capture::plain(|out| {
            let mut grid = Grid::new(vec![heading("a", false), heading("b", false)]);
            grid.row(vec![Some("y".into()), Some("1".into())], out)?;
            grid.row(vec![Some(huge.clone()), Some("2".into())], out)?;
            grid.finish(out)
        });
        assert!(shown.contains(&huge));
        assert!(shown.lines().nth(2).is_some_and(|line| line.len() < 100));
    }
}
