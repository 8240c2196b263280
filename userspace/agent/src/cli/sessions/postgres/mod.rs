//! What the agent saw of a PostgreSQL server, drawn for a person.
//!
//! Job: the recorded bytes of answers to lines. It looks at each message alone and believes none:
//! records hold whatever a server sent. Not its job: pacing, and the commands themselves.

mod binary;
mod grid;
mod oid;
mod rows;
mod value;

use std::io;

use bytes::{Bytes, BytesMut};
use weir_record::Seq;
use weir_wire::postgres::{
    Decoded, Format, Limits,
    backend::{self, DataRow, Diagnostic, Message},
    decode_frame,
};

use self::grid::{Grid, Heading};
pub(super) use self::rows::Rows;
use super::super::{
    line::{Line, Tone},
    out::Out,
};
use super::masks::Masks;

/// PostgreSQL's own limit of a message.
const LIMITS: Limits = Limits {
    startup: 0,
    message: 1 << 30,
};

/// Draws the answers of one session, in order.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Bytes of a message that is not whole yet.
    pending: BytesMut,
    /// The result that is being drawn.
    grid: Option<Grid>,
    /// The last description of columns: rows of an earlier prepared statement go by it.
    columns: Vec<Column>,
    /// That description has had no rows yet.
    undrawn: bool,
    /// The rest of this answer can't be read.
    lost: bool,
    /// The command that is answered.
    seq: Option<Seq>,
    masks: Masks,
}

#[derive(Clone, Debug)]
struct Column {
    heading: Heading,
    type_oid: u32,
    format: Format,
}

impl Screen {
    /// Draws a session whose masked values are known ahead.
    pub(super) fn new(masks: Masks) -> Self {
        Self {
            masks,
            ..Self::default()
        }
    }

    /// The outcome of a command was told.
    pub(super) fn settle(&mut self, seq: Seq) {
        self.masks.settle(seq);
    }

    /// Where the values of later answers are masked.
    pub(super) fn masks(&mut self) -> &mut Masks {
        &mut self.masks
    }

    /// More bytes of the answer to a command.
    pub(super) fn feed(&mut self, seq: Seq, bytes: &[u8], out: &mut Out) -> io::Result<()> {
        self.seq = Some(seq);
        if self.lost {
            return Ok(());
        }
        self.pending.extend_from_slice(bytes);
        loop {
            let message = match decode_frame(&mut self.pending, &LIMITS) {
                Ok(Decoded::Incomplete { .. }) => return Ok(()),
                Ok(Decoded::Complete(frame)) => backend::decode(frame),
                Err(error) => Err(error),
            };
            match message {
                Ok(message) => self.message(message, out)?,
                Err(error) => {
                    self.lost = true;
                    self.pending.clear();
                    self.end_result(out)?;
                    let problem = format!("the rest of this answer can't be read: {error}");
                    return out.line(&Line::of(Tone::Warn, problem));
                }
            }
        }
    }

    /// The answer to one command has ended.
    pub(super) fn finish(&mut self, out: &mut Out) -> io::Result<()> {
        self.end_result(out)?;
        self.lost = false;
        if !self.pending.is_empty() {
            let text = format!(
                "({} bytes of a message that was cut off)",
                self.pending.len()
            );
            self.pending.clear();
            out.line(&Line::of(Tone::Warn, text))?;
        }
        Ok(())
    }

    fn message(&mut self, message: Message, out: &mut Out) -> io::Result<()> {
        match message {
            Message::RowDescription(description) => {
                self.end_result(out)?;
                self.columns = description.fields().iter().map(Column::of).collect();
                self.undrawn = true;
            }
            Message::DataRow(row) => self.row(&row, out)?,
            Message::CommandComplete(complete) => {
                // A result without rows still has columns to show.
                if self.undrawn && complete.rows() == Some(0) {
                    self.begin_result();
                }
                self.end_result(out)?;
                if let Some(seq) = self.seq {
                    self.masks.complete(seq);
                }
                out.line(&Line::plain(lossy(complete.tag())))?;
            }
            Message::PortalSuspended(_) => {
                self.end_result(out)?;
                out.line(&Line::of(Tone::Dim, "(more rows can be fetched)"))?;
            }
            Message::EmptyQueryResponse(_) => {
                out.line(&Line::of(Tone::Dim, "(an empty statement)"))?;
            }
            Message::ErrorResponse(error) => {
                self.end_result(out)?;
                diagnostic(Tone::Bad, error.diagnostic(), out)?;
            }
            Message::NoticeResponse(notice) => {
                diagnostic(Tone::Warn, notice.diagnostic(), out)?;
            }
            Message::NotificationResponse(notification) => {
                let text = format!(
                    "notification on {}: {}",
                    lossy(notification.channel()),
                    lossy(notification.payload())
                );
                out.line(&Line::plain(text))?;
            }
            Message::ParameterStatus(setting) => {
                let text = format!("{} is {}", lossy(setting.name()), lossy(setting.value()));
                out.line(&Line::of(Tone::Dim, text))?;
            }
            Message::CopyOutResponse(_) => out.line(&Line::of(Tone::Dim, "(copy to the agent)"))?,
            Message::CopyInResponse(_) => {
                out.line(&Line::of(Tone::Dim, "(copy from the agent)"))?;
            }
            Message::CopyData(data) => copied(&data.data(), out)?,
            Message::FunctionCallResponse(response) => {
                let value = response.value().map(|bytes| binary::hex(bytes));
                out.line(&value.map_or_else(|| Line::of(Tone::Dim, "NULL"), Line::plain))?;
            }
            // The protocol's own housekeeping.
            Message::Authentication(_)
            | Message::BackendKeyData(_)
            | Message::BindComplete(_)
            | Message::CloseComplete(_)
            | Message::CopyBothResponse(_)
            | Message::CopyDone(_)
            | Message::NegotiateProtocolVersion(_)
            | Message::NoData(_)
            | Message::ParameterDescription(_)
            | Message::ParseComplete(_)
            | Message::ReadyForQuery(_) => {}
        }
        Ok(())
    }

    fn row(&mut self, row: &DataRow, out: &mut Out) -> io::Result<()> {
        if self.columns.len() != row.len() {
            self.end_result(out)?;
            self.columns = (1..=row.len()).map(Column::unknown).collect();
        }
        let values = row
            .columns()
            .zip(&self.columns)
            .map(|(value, column)| {
                value.map(|bytes| value::text(column.type_oid, column.format, bytes))
            })
            .collect();
        match self.begin_result() {
            Some(grid) => grid.row(values, out),
            None => Ok(()),
        }
    }

    fn begin_result(&mut self) -> Option<&mut Grid> {
        self.undrawn = false;
        if self.grid.is_none() {
            let masked = |i| self.seq.is_some_and(|seq| self.masks.masks(seq, i));
            let headings = (0..)
                .zip(&self.columns)
                .map(|(i, column)| Heading {
                    masked: masked(i),
                    ..column.heading.clone()
                })
                .collect();
            self.grid = Some(Grid::new(headings));
        }
        self.grid.as_mut()
    }

    fn end_result(&mut self, out: &mut Out) -> io::Result<()> {
        self.grid.take().map_or(Ok(()), |grid| grid.finish(out))
    }
}

impl Column {
    fn of(field: &backend::FieldDescription) -> Self {
        Self {
            heading: Heading {
                name: lossy(&field.name),
                right: oid::is_number(field.type_oid),
                masked: false,
            },
            type_oid: field.type_oid,
            format: field.format,
        }
    }

    /// A column of rows whose description is not on record.
    fn unknown(number: usize) -> Self {
        let heading = Heading {
            name: format!("column {number}"),
            right: false,
            masked: false,
        };
        Self {
            heading,
            type_oid: 0,
            format: Format::Text,
        }
    }
}

/// `SEVERITY code: message`, and the fields that help a person.
fn diagnostic(tone: Tone, diagnostic: &Diagnostic, out: &mut Out) -> io::Result<()> {
    let field = |code| diagnostic.get(code).map(lossy).unwrap_or_default();
    let head = format!("{} {}: ", field(b'S'), field(b'C'));
    out.line(&Line::of(tone, head).text(field(b'M')))?;
    for (code, label) in [(b'D', "detail"), (b'H', "hint"), (b'W', "context")] {
        if let Some(text) = diagnostic.get(code) {
            out.line(&Line::of(Tone::Dim, format!("  {label}: ")).text(lossy(text)))?;
        }
    }
    Ok(())
}

/// Lines of a COPY. Tabs are its separators, so they are shown as such.
fn copied(data: &Bytes, out: &mut Out) -> io::Result<()> {
    match std::str::from_utf8(data) {
        Ok(text) if !text.contains('\0') => text
            .lines()
            .try_for_each(|line| out.line(&Line::plain(line))),
        _ => out.line(&Line::plain(binary::hex(data))),
    }
}

fn lossy(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
