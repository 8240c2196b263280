//! Rows that stand one behind the other in a buffer, read where they are: no frame is cut off for
//! each, and nothing is counted up or down.
//!
//! Only what is beyond doubt is taken. The first thing that is no whole, well-formed row of the
//! expected width ends the run, and whoever reads it as a [`Frame`](crate::postgres::Frame) is told
//! what is wrong with it.

use std::fmt;

use super::{DataRow, FIRST, columns::Columns};
use crate::postgres::backend::tag;
use crate::postgres::frame::{HEADER, LENGTH};
use crate::postgres::redact::Counted;

/// One row, where it stands.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    raw: &'a [u8],
    count: u16,
}

impl<'a> Row<'a> {
    /// A row whose columns were checked.
    pub(super) fn checked(raw: &'a [u8], count: u16) -> Self {
        Self { raw, count }
    }

    /// The whole message.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// How many columns the row has.
    #[must_use]
    pub fn len(self) -> usize {
        usize::from(self.count)
    }

    /// Whether the row has no columns at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The columns in order; `None` is NULL.
    #[must_use]
    pub fn columns(self) -> Columns<'a> {
        Columns::new(self.raw.get(FIRST..).unwrap_or_default(), self.count)
    }
}

/// The rows of one width at the front of a buffer.
pub struct Rows<'a> {
    buffer: &'a [u8],
    at: usize,
    columns: usize,
    limit: usize,
}

impl<'a> Rows<'a> {
    /// Those of `columns` columns that stand at the front of `buffer`, whose bodies have no more than
    /// `limit` bytes.
    #[must_use]
    pub fn ahead(buffer: &'a [u8], columns: usize, limit: usize) -> Self {
        Self {
            buffer,
            at: 0,
            columns,
            limit,
        }
    }

    /// How many bytes the rows have that were given out.
    #[must_use]
    pub fn end(&self) -> usize {
        self.at
    }

    fn row(&self) -> Option<Row<'a>> {
        let rest = self.buffer.get(self.at..)?;
        let (&[kind, a, b, c, d, e, f], _) = rest.split_first_chunk::<FIRST>()?;
        // What looks negative to the server is no length here either: it exceeds what there is.
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let count = u16::from_be_bytes([e, f]);
        let body = length.checked_sub(usize::try_from(LENGTH).ok()?)?;
        if kind != tag::DATA_ROW || usize::from(count) != self.columns || body > self.limit {
            return None;
        }
        let raw = rest.get(..HEADER.checked_add(body)?)?;
        let mut columns = Columns::new(raw.get(FIRST..)?, count);
        while columns.len() > 0 {
            columns.step()?;
        }
        columns.rest().is_empty().then_some(Row { raw, count })
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.row()?;
        self.at += row.raw.len();
        Some(row)
    }
}

impl DataRow {
    /// The row, where it stands.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        Row::checked(self.frame.raw(), self.count)
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(&Counted(self.len())).finish()
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("at", &self.at).finish()
    }
}
