//! OCSF events, as they are shipped elsewhere: one mapping for both.

use std::io;

use weir_record::{Entry, Event, SessionStart};
use weir_ship::ocsf::{Host, SessionEvents};

use super::{Form, Masks, Sink};

/// The form, and where it is.
#[derive(Default)]
pub(super) struct Events {
    session: Option<SessionEvents>,
    outlined: bool,
}

impl Events {
    fn event(&mut self, at: i64, event: &Event, sink: &mut Sink) -> io::Result<()> {
        let mapped = self.session.as_mut().and_then(|one| one.event(at, event));
        mapped.map_or(Ok(()), |mapped| sink.object(&mapped))
    }
}

impl Form for Events {
    fn begin(&mut self, _: &mut Sink) -> io::Result<()> {
        Ok(())
    }

    fn outlined(&mut self) {
        self.outlined = true;
    }

    fn session(&mut self, start: &SessionStart, _: Masks, sink: &mut Sink) -> io::Result<()> {
        let events = SessionEvents::new(Host::own());
        self.session = Some(if std::mem::take(&mut self.outlined) {
            events.of_outline()
        } else {
            events
        });
        self.event(0, &Event::Start(start.clone()), sink)
    }

    fn entry(&mut self, entry: Entry, at: i64, sink: &mut Sink) -> io::Result<()> {
        match entry {
            Entry::Event(event) => self.event(at, &event, sink),
            // Events tell how much it was; the record has what it was.
            Entry::Response { .. } | Entry::Request { .. } => Ok(()),
        }
    }

    fn over(&mut self, _: &mut Sink) -> io::Result<()> {
        self.session = None;
        Ok(())
    }
}
