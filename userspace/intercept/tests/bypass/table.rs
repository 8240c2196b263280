//! The table of verdicts: every attempt, also the ones that this tier does not close.

use std::fmt::Write as _;

use crate::{judge::Row, verdict::Verdict};

pub(crate) fn render(rows: &[Row]) -> String {
    let wide = |cell: fn(&Row) -> &str| rows.iter().map(|row| cell(row).len()).max().unwrap_or(0);
    let (vectors, attempts) = (wide(|row| row.vector), wide(|row| row.attempt));
    let free = wide(|row| &row.free);
    let mut text = String::new();
    for row in rows {
        let verdict = match &row.verdict {
            Verdict::Closed(how) => format!("closed  {how}"),
            Verdict::Open(what) => format!("OPEN    {what}"),
            Verdict::Failed(why) => format!("FAILED  {why}"),
        };
        let _infallible = writeln!(
            text,
            "{:vectors$}  {:attempts$}  {:free$}  {verdict}",
            row.vector, row.attempt, row.free
        );
    }
    let count = |is: fn(&Verdict) -> bool| rows.iter().filter(|row| is(&row.verdict)).count();
    let _infallible = writeln!(
        text,
        "{} closed, {} open in this tier, {} failed",
        count(|verdict| matches!(verdict, Verdict::Closed(_))),
        count(|verdict| matches!(verdict, Verdict::Open(_))),
        count(|verdict| matches!(verdict, Verdict::Failed(_))),
    );
    text
}
