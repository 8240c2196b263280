//! What the agent saw of a PostgreSQL server, as values for programs.
//!
//! Job: the recorded bytes of answers to JSON, rows as rows. Not its job: the protocol's
//! housekeeping, which holds nothing that an agent reads.

use bytes::BytesMut;
use serde_json::{Map, Value, json};
use weir_record::Seq;
use weir_wire::postgres::{
    Decoded,
    backend::{self, DataRow, Diagnostic, Message},
    decode_frame,
};

use super::{Column, LIMITS, binary, lossy, value};
use crate::cli::sessions::masks::Masks;

/// Decodes the answers of one session, in order.
#[derive(Debug)]
pub(in crate::cli::sessions) struct Rows {
    pending: BytesMut,
    columns: Vec<Column>,
    masks: Masks,
    seq: Option<Seq>,
    /// The rest of this answer can't be read.
    lost: bool,
}

impl Rows {
    /// Decodes a session whose masked values are known ahead.
    pub(in crate::cli::sessions) fn new(masks: Masks) -> Self {
        Self {
            pending: BytesMut::new(),
            columns: Vec::new(),
            masks,
            seq: None,
            lost: false,
        }
    }

    /// The outcome of a command was told.
    pub(in crate::cli::sessions) fn settle(&mut self, seq: Seq) {
        self.masks.settle(seq);
    }

    /// More bytes of the answer to a command: what they hold, each an object.
    pub(in crate::cli::sessions) fn feed(&mut self, seq: Seq, bytes: &[u8]) -> Vec<Value> {
        let mut told = Vec::new();
        if self.seq != Some(seq) {
            told.extend(self.rest());
            self.seq = Some(seq);
            self.lost = false;
        }
        if self.lost {
            told.push(json!({"hex": binary::hex(bytes)}));
            return told;
        }
        self.pending.extend_from_slice(bytes);
        let mut rows = Vec::new();
        loop {
            // What is not read is told as it is.
            let before = self.pending.clone();
            let message = match decode_frame(&mut self.pending, &LIMITS) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Complete(frame)) => backend::decode(frame),
                Err(error) => Err(error),
            };
            match message {
                Ok(Message::DataRow(row)) => rows.push(self.row(&row)),
                Ok(message) => {
                    self.end(&mut rows, &mut told);
                    told.extend(self.message(seq, &message));
                }
                Err(_) => {
                    self.end(&mut rows, &mut told);
                    self.lost = true;
                    self.pending.clear();
                    told.push(json!({"hex": binary::hex(&before)}));
                    return told;
                }
            }
        }
        self.end(&mut rows, &mut told);
        told
    }

    /// What is left of a message that was cut off.
    pub(in crate::cli::sessions) fn rest(&mut self) -> Option<Value> {
        let rest = self.pending.split();
        (!rest.is_empty()).then(|| json!({"hex": binary::hex(&rest)}))
    }

    fn row(&mut self, row: &DataRow) -> Value {
        if self.columns.len() != row.len() {
            self.columns = (1..=row.len()).map(Column::unknown).collect();
        }
        let cells = row.columns().zip(&self.columns).map(|(cell, column)| {
            cell.map(|cell| value::text(column.type_oid, column.format, cell))
        });
        cells.collect()
    }

    /// The rows so far, under their columns.
    fn end(&self, rows: &mut Vec<Value>, told: &mut Vec<Value>) {
        if rows.is_empty() {
            return;
        }
        let masked = |i| self.seq.is_some_and(|seq| self.masks.masks(seq, i));
        let columns = (0..).zip(&self.columns).map(|(i, column)| {
            json!({
                "name": column.heading.name,
                "type": column.type_oid,
                "masked": masked(i),
            })
        });
        told.push(json!({
            "columns": columns.collect::<Vec<_>>(),
            "rows": std::mem::take(rows),
        }));
    }

    fn message(&mut self, seq: Seq, message: &Message) -> Option<Value> {
        Some(match message {
            Message::RowDescription(description) => {
                self.columns = description.fields().iter().map(Column::of).collect();
                return None;
            }
            Message::CommandComplete(complete) => {
                self.masks.complete(seq);
                json!({"completed": lossy(complete.tag())})
            }
            Message::ErrorResponse(error) => json!({"error": diagnostic(error.diagnostic())}),
            Message::NoticeResponse(notice) => json!({"notice": diagnostic(notice.diagnostic())}),
            Message::NotificationResponse(notification) => json!({"notification": {
                "channel": lossy(notification.channel()),
                "payload": lossy(notification.payload()),
            }}),
            Message::ParameterStatus(setting) => json!({"setting": {
                "name": lossy(setting.name()),
                "value": lossy(setting.value()),
            }}),
            Message::CopyData(data) => match std::str::from_utf8(&data.data()) {
                Ok(text) => json!({"copied": text}),
                Err(_) => json!({"copied_hex": binary::hex(&data.data())}),
            },
            Message::FunctionCallResponse(response) => {
                json!({"result_hex": response.value().map(|value| binary::hex(value))})
            }
            Message::PortalSuspended(_) => json!({"suspended": true}),
            Message::EmptyQueryResponse(_)
            | Message::CopyOutResponse(_)
            | Message::CopyInResponse(_)
            | Message::Authentication(_)
            | Message::BackendKeyData(_)
            | Message::BindComplete(_)
            | Message::CloseComplete(_)
            | Message::CopyBothResponse(_)
            | Message::CopyDone(_)
            | Message::NegotiateProtocolVersion(_)
            | Message::NoData(_)
            | Message::ParameterDescription(_)
            | Message::ParseComplete(_)
            | Message::ReadyForQuery(_)
            | Message::DataRow(_) => return None,
        })
    }
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let named = [
        (b'S', "severity"),
        (b'C', "code"),
        (b'M', "message"),
        (b'D', "detail"),
        (b'H', "hint"),
        (b'W', "context"),
    ];
    let fields = named.into_iter().filter_map(|(code, name)| {
        let text = diagnostic.get(code).map(lossy)?;
        Some((name.to_owned(), Value::String(text)))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}
