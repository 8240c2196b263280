//! DataRow: one row of a result. 55.7 "Message Formats".
//!
//! The hot path: reading checks every column once and allocates nothing; columns are slices of
//! the frame. [`DataRowBuilder`] writes a row straight into an output buffer.

mod builder;

use std::fmt;
use std::iter::FusedIterator;

use bytes::{Bytes, BytesMut};

use super::tag;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::framed::framed;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Counted;

pub use builder::DataRowBuilder;

const NAME: &str = "DataRow";

/// One row of a result.
#[derive(Clone, PartialEq, Eq)]
pub struct DataRow {
    frame: Frame,
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
        Ok(Self {
            frame: Frame::trusted(out.freeze()),
        })
    }

    /// Reads the message: checks that the columns are there and nothing else is.
    pub fn decode(frame: Frame) -> Result<Self, WireError> {
        let mut columns = read(&frame)?;
        while columns.left > 0 {
            columns.step()?;
        }
        columns.reader.finish()?;
        Ok(Self { frame })
    }

    /// How many columns the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns().len()
    }

    /// Whether the row has no columns at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns in order; `None` is NULL.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        read(&self.frame).unwrap_or_else(|_| Columns {
            reader: Reader::end(NAME, self.frame.raw()),
            left: 0,
        })
    }

    /// One column by its place from 0, sharing the frame's memory; the outer `None` is past the
    /// end, the inner one NULL.
    #[must_use]
    pub fn column(&self, index: usize) -> Option<Option<Bytes>> {
        let column = self.columns().nth(index)?;
        Some(column.map(|value| self.frame.raw().slice_ref(value)))
    }
}

fn read(frame: &Frame) -> Result<Columns<'_>, WireError> {
    let mut reader = Reader::tagged(NAME, tag::DATA_ROW, frame)?;
    let left = reader.count("columns", 4)?;
    Ok(Columns { reader, left })
}

/// The columns of a [`DataRow`] in order; `None` is NULL.
#[derive(Clone)]
pub struct Columns<'a> {
    reader: Reader<'a>,
    left: u16,
}

impl<'a> Columns<'a> {
    fn step(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        self.left = self.left.saturating_sub(1);
        self.reader.value_slice("column")
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        // `decode` has taken the same steps, so none fails here.
        self.step().ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Columns<'_> {}
impl FusedIterator for Columns<'_> {}

impl fmt::Debug for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Columns")
            .field(&Counted(self.len()))
            .finish()
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
mod tests;
