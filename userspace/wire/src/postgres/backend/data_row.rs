//! DataRow: one row of a result. 55.7 "Message Formats".
//!
//! The hot path: reading checks every column once and allocates nothing; columns are slices of
//! the frame. [`Rows`] reads many where they stand, and [`DataRowBuilder`] writes a row straight into
//! an output buffer.

mod builder;
mod columns;
mod rows;

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::tag;
use crate::WireError;
use crate::postgres::frame::{Frame, HEADER};
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Counted;

pub use builder::DataRowBuilder;
pub use columns::Columns;
pub use rows::{Row, Rows};

const NAME: &str = "DataRow";

/// Where the columns begin.
const FIRST: usize = HEADER + 2;

/// One row of a result.
#[derive(Clone, PartialEq, Eq)]
pub struct DataRow {
    frame: Frame,
    /// How many columns [`Self::decode`] has seen in the frame.
    count: u16,
}

framed!(DataRow);

impl DataRow {
    /// Makes the message; `None` is NULL.
    pub fn new(columns: &[Option<&[u8]>]) -> Result<Self, WireError> {
        let mut out = BytesMut::new();
        let mut builder = DataRowBuilder::begin(&mut out);
        for column in columns {
            builder.column(*column)?;
        }
        builder.finish()?;
        Self::decode(Frame::trusted(out.freeze()))
    }

    /// Reads the message: checks that the columns are there and nothing else is.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut reader = Reader::tagged(NAME, tag::DATA_ROW, &frame)?;
        let count = reader.count("columns", 4)?;
        for _ in 0..count {
            reader.value_slice("column")?;
        }
        reader.finish()?;
        Ok(Self { frame, count })
    }

    /// How many columns the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether the row has no columns at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The columns in order; `None` is NULL.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        self.row().columns()
    }

    /// One column by its place from 0, sharing the frame's memory; the outer `None` is past the
    /// end, the inner one NULL.
    #[must_use]
    pub fn column(&self, index: usize) -> Option<Option<Bytes>> {
        let column = self.columns().nth(index)?;
        Some(column.map(|value| self.frame.raw().slice_ref(value)))
    }
}

impl fmt::Debug for DataRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME)
            .field("columns", &Counted(self.len()))
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
