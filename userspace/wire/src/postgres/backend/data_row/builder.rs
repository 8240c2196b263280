//! Writes a DataRow into an output buffer, column by column.

use std::fmt;

use bytes::{BufMut, BytesMut};

use super::NAME;
use crate::postgres::backend::tag;
use crate::postgres::frame::HEADER;
use crate::postgres::redact::Counted;
use crate::postgres::writer::{put_length, put_value};
use crate::{MessageName, WireError};

const MESSAGE: MessageName = MessageName::Named(NAME);

/// Writes a DataRow at the end of a buffer: what a masked row is made with, each column either
/// copied from the row that came or put in its place.
///
/// All or nothing: unless [`finish`](Self::finish) succeeds, the buffer is cut back to what it
/// held before, so half a row can't be sent.
pub struct DataRowBuilder<'a> {
    out: &'a mut BytesMut,
    start: usize,
    columns: usize,
    finished: bool,
}

impl<'a> DataRowBuilder<'a> {
    /// Begins a row after what `out` holds.
    pub fn begin(out: &'a mut BytesMut) -> Self {
        let start = out.len();
        out.put_slice(&[tag::DATA_ROW, 0, 0, 0, 0, 0, 0]);
        Self {
            out,
            start,
            columns: 0,
            finished: false,
        }
    }

    /// Appends the next column; `None` is NULL.
    pub fn column(&mut self, value: Option<&[u8]>) -> Result<(), WireError> {
        put_value(self.out, MESSAGE, value)?;
        self.columns += 1;
        Ok(())
    }

    /// Appends so many columns as they stand in a row that was read.
    pub fn copied(&mut self, cells: &[u8], columns: usize) {
        self.out.put_slice(cells);
        self.columns += columns;
    }

    /// Completes the row.
    pub fn finish(mut self) -> Result<(), WireError> {
        let most = usize::from(u16::MAX);
        let unsendable = WireError::OutOfRange {
            message: MESSAGE,
            what: "columns",
            found: self.columns,
            least: 0,
            most,
        };
        let count = u16::try_from(self.columns).map_err(|_| unsendable)?;
        let place = self
            .out
            .get_mut(self.start + HEADER..)
            .and_then(|rest| rest.first_chunk_mut());
        *place.ok_or(unsendable)? = count.to_be_bytes();
        put_length(self.out, MESSAGE, self.start + 1)?;
        self.finished = true;
        Ok(())
    }
}

impl fmt::Debug for DataRowBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DataRowBuilder")
            .field(&Counted(self.columns))
            .finish()
    }
}

impl Drop for DataRowBuilder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}
