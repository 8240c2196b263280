//! A PostgreSQL of few words: a handful of statements whose results a test gives, and the
//! protocol's own rules about names, errors and transactions, as chapter 55 has them.

use std::collections::HashMap;

use weir_wire::postgres::{
    Format, Formats, Frame,
    backend::{FieldDescription, TransactionStatus},
    frontend::{Message, ObjectKind},
};

use crate::{
    messages::{
        bound, closed, complete, described, error, no_data, parameters_described, parsed, ready_in,
        row, suspended,
    },
    peer::Peer,
};

/// A statement and its result.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) text: &'static str,
    pub(crate) columns: Vec<FieldDescription>,
    pub(crate) rows: Vec<Frame>,
}

/// A statement that returns these rows, all of text.
pub(crate) fn known(
    text: &'static str,
    columns: &[FieldDescription],
    rows: &[&[Option<&str>]],
) -> Known {
    Known {
        text,
        columns: columns.to_vec(),
        rows: rows.iter().map(|values| row(values)).collect(),
    }
}

/// What every honest target knows: that it is there.
pub(crate) const ALIVE: &str = "SELECT 'alive'";

struct Session<'a> {
    known: &'a [Known],
    statements: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, Portal>,
    status: TransactionStatus,
    /// An error came; everything up to the next Sync is passed over.
    skipping: bool,
    answers: Vec<Frame>,
}

struct Portal {
    text: String,
    formats: Formats,
    position: usize,
}

/// Serves one session to its end.
pub(crate) fn serve(peer: &mut Peer, known: &[Known]) {
    let mut session = Session {
        known,
        statements: HashMap::new(),
        portals: HashMap::new(),
        status: TransactionStatus::Idle,
        skipping: false,
        answers: Vec::new(),
    };
    while let Some(message) = peer.receive() {
        if matches!(message, Message::Terminate(_)) {
            return;
        }
        session.take(&message);
        // A real server keeps its answers back up to a Sync, a Flush or a Query.
        if matches!(
            message,
            Message::Sync(_) | Message::Flush(_) | Message::Query(_)
        ) {
            peer.send(&std::mem::take(&mut session.answers));
        }
    }
}

impl Session<'_> {
    fn take(&mut self, message: &Message) {
        if let Message::Sync(_) = message {
            self.skipping = false;
            self.ready();
            return;
        }
        if self.skipping {
            return;
        }
        match message {
            Message::Query(query) => {
                let text = String::from_utf8(query.text().to_vec()).unwrap();
                if let Err(failure) = self.run(&text, true) {
                    self.fail(failure);
                }
                self.ready();
            }
            Message::Flush(_) => {}
            other => {
                if let Err(failure) = self.extended(other) {
                    self.fail(failure);
                    self.skipping = true;
                }
            }
        }
    }

    fn ready(&mut self) {
        if self.status == TransactionStatus::Idle {
            self.portals.clear();
        }
        self.answers.push(ready_in(self.status));
    }

    fn fail(&mut self, failure: Frame) {
        self.answers.push(failure);
        if self.status == TransactionStatus::InBlock {
            self.status = TransactionStatus::Failed;
        }
    }

    fn extended(&mut self, message: &Message) -> Result<(), Frame> {
        match message {
            Message::Parse(parse) => {
                let text = String::from_utf8(parse.text().to_vec()).unwrap();
                self.check(&text)?;
                let name = parse.name().to_vec();
                if !name.is_empty() && self.statements.contains_key(&name) {
                    return Err(error("42P05", "prepared statement already exists"));
                }
                self.statements.insert(name, text);
                self.answers.push(parsed());
            }
            Message::Bind(bind) => {
                let text = self.statement(bind.statement())?;
                let portal = Portal {
                    text,
                    formats: bind.result_formats().clone(),
                    position: 0,
                };
                self.portals.insert(bind.portal().to_vec(), portal);
                self.answers.push(bound());
            }
            Message::Describe(describe) => self.describe(describe.kind(), describe.name())?,
            Message::Execute(execute) => {
                let limit = execute.row_limit().map(|limit| limit.get() as usize);
                self.execute(execute.portal(), limit)?;
            }
            Message::Close(close) => {
                match close.kind() {
                    ObjectKind::Statement => drop(self.statements.remove(close.name().as_ref())),
                    ObjectKind::Portal => drop(self.portals.remove(close.name().as_ref())),
                }
                self.answers.push(closed());
            }
            // Outside of a copy the server passes over these.
            Message::CopyData(_) | Message::CopyDone(_) | Message::CopyFail(_) => {}
            other => panic!("{} came", other.name()),
        }
        Ok(())
    }

    fn statement(&self, name: &[u8]) -> Result<String, Frame> {
        let missing = || error("26000", "prepared statement does not exist");
        self.statements.get(name).cloned().ok_or_else(missing)
    }

    fn describe(&mut self, kind: ObjectKind, name: &[u8]) -> Result<(), Frame> {
        let (text, formats) = match kind {
            ObjectKind::Statement => {
                let text = self.statement(name)?;
                self.answers.push(parameters_described());
                (text, Formats::None)
            }
            ObjectKind::Portal => match self.portals.get(name) {
                Some(portal) => (portal.text.clone(), portal.formats.clone()),
                None => return Err(error("34000", "portal does not exist")),
            },
        };
        let description = match self.find(&text) {
            Some(found) => in_formats(&found.columns, &formats),
            None => no_data(),
        };
        self.answers.push(description);
        Ok(())
    }

    fn execute(&mut self, name: &[u8], limit: Option<usize>) -> Result<(), Frame> {
        let missing = || error("34000", "portal does not exist");
        let portal = self.portals.get(name).ok_or_else(missing)?;
        let (text, from) = (portal.text.clone(), portal.position);
        let Some(found) = self.find(&text) else {
            return self.run(&text, false);
        };
        let rest: Vec<Frame> = found.rows.iter().skip(from).cloned().collect();
        let count = limit.unwrap_or(rest.len()).min(rest.len());
        let stops = limit.is_some_and(|limit| limit <= rest.len());
        self.answers.extend(rest.into_iter().take(count));
        self.answers.push(if stops {
            suspended()
        } else {
            complete(&format!("SELECT {count}"))
        });
        if let Some(portal) = self.portals.get_mut(name) {
            portal.position += count;
        }
        Ok(())
    }

    /// What is not known does not parse; what begins or ends a transaction does so.
    fn check(&self, text: &str) -> Result<(), Frame> {
        let moves = ["BEGIN", "COMMIT", "ROLLBACK"].contains(&text);
        if !moves && text != ALIVE && self.find(text).is_none() {
            return Err(error("42601", "syntax error"));
        }
        if self.status == TransactionStatus::Failed && text != "ROLLBACK" {
            return Err(error("25P02", "current transaction is aborted"));
        }
        Ok(())
    }

    fn run(&mut self, text: &str, describes: bool) -> Result<(), Frame> {
        self.check(text)?;
        match text {
            "BEGIN" => self.status = TransactionStatus::InBlock,
            "COMMIT" | "ROLLBACK" => self.status = TransactionStatus::Idle,
            _ => {}
        }
        if let Some(found) = self.find(text) {
            let (columns, rows) = (found.columns.clone(), found.rows.clone());
            if describes {
                self.answers.push(described(&columns));
            }
            let count = rows.len();
            self.answers.extend(rows);
            self.answers.push(complete(&format!("SELECT {count}")));
        } else {
            self.answers.push(complete(text));
        }
        Ok(())
    }

    fn find(&self, text: &str) -> Option<&Known> {
        self.known.iter().find(|known| known.text == text)
    }
}

fn in_formats(columns: &[FieldDescription], formats: &Formats) -> Frame {
    let columns: Vec<FieldDescription> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| FieldDescription {
            format: match formats {
                Formats::None => Format::Text,
                other => other.format(i),
            },
            ..column.clone()
        })
        .collect();
    described(&columns)
}
