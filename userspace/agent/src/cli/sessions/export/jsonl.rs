//! Everything on record, an object a line.

use std::io;

use serde_json::{Value, json};
use weir_record::{Entry, Event, Seq, SessionStart};

use super::{Form, Masks, Sink};
use crate::{
    cli::{moment, sessions::postgres::Rows},
    control::{Told, Went, What},
};

/// The form, and where it is.
#[derive(Default)]
pub(super) struct Lines {
    session: Option<(SessionStart, Option<Rows>)>,
}

impl Lines {
    fn rows(&mut self) -> Option<&mut Rows> {
        self.session.as_mut()?.1.as_mut()
    }

    fn told(&self, what: What, at: i64) -> Option<Told> {
        let (start, _) = self.session.as_ref()?;
        Some(Told {
            session: start.id,
            time: moment::after(start.started, at),
            what,
        })
    }

    /// What an answer holds, each under its session and command.
    fn seen(&self, seq: Option<Seq>, at: i64, seen: Value, sink: &mut Sink) -> io::Result<()> {
        let Some((start, _)) = &self.session else {
            return Ok(());
        };
        let mut line = json!({
            "session": start.id,
            "time": moment::after(start.started, at),
            "event": "response",
            "seq": seq,
        });
        if let (Value::Object(line), Value::Object(seen)) = (&mut line, seen) {
            line.extend(seen);
        }
        sink.object(&line)
    }
}

impl Form for Lines {
    fn begin(&mut self, _: &mut Sink) -> io::Result<()> {
        Ok(())
    }

    fn session(&mut self, start: &SessionStart, masks: Masks, sink: &mut Sink) -> io::Result<()> {
        let is_read = start.protocol.as_deref() == Some("postgres");
        self.session = Some((start.clone(), is_read.then(|| Rows::new(masks))));
        match self.told(What::Event(Event::Start(start.clone())), 0) {
            Some(told) => sink.object(&told),
            None => Ok(()),
        }
    }

    fn entry(&mut self, entry: Entry, at: i64, sink: &mut Sink) -> io::Result<()> {
        let what = match entry {
            Entry::Response { seq, bytes, .. } => {
                if let Some(rows) = self.rows() {
                    let seen = rows.feed(seq, &bytes);
                    return seen
                        .into_iter()
                        .try_for_each(|seen| self.seen(Some(seq), at, seen, sink));
                }
                What::Bytes(Went::response(seq, &bytes))
            }
            Entry::Request { seq, bytes, .. } => What::Bytes(Went::request(seq, &bytes)),
            Entry::Event(event) => {
                if let (Event::Outcome { seq, .. }, Some(rows)) = (&event, self.rows()) {
                    let (seq, rest) = (*seq, rows.rest());
                    rows.settle(seq);
                    if let Some(rest) = rest {
                        self.seen(Some(seq), at, rest, sink)?;
                    }
                }
                What::Event(event)
            }
        };
        match self.told(what, at) {
            Some(told) => sink.object(&told),
            None => Ok(()),
        }
    }

    fn over(&mut self, sink: &mut Sink) -> io::Result<()> {
        let rest = self.rows().and_then(Rows::rest);
        rest.map_or(Ok(()), |rest| self.seen(None, 0, rest, sink))
    }
}
