use std::panic::{AssertUnwindSafe, catch_unwind};

use std::path::Path;

use super::*;
use crate::{header::Anchor, samples};

/// Takes `room` bytes, at most `bite` at a time, then fails as a full disk does.
#[derive(Debug)]
struct Sink {
    taken: Vec<u8>,
    calls: usize,
    room: usize,
    bite: usize,
}

impl Sink {
    fn new() -> Self {
        Self {
            taken: Vec::new(),
            calls: 0,
            room: usize::MAX,
            bite: usize::MAX,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(3) && self.bite < usize::MAX {
            return Err(ErrorKind::Interrupted.into());
        }
        let bytes = parts.iter().flat_map(|part| part.iter().copied());
        let before = self.taken.len();
        self.taken.extend(bytes.take(self.bite.min(self.room)));
        let written = self.taken.len() - before;
        self.room -= written;
        if written == 0 {
            Err(ErrorKind::StorageFull.into())
        } else {
            Ok(written)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn journal(sink: Sink) -> Result<Journal<Sink>, RecordError> {
    let opening = Opening {
        rest: Rest {
            id: samples::id(0),
            anchor: Anchor::default(),
            envelope: None,
        },
        file_key: None,
        witness: None,
        spools: None,
    };
    Journal::begin(sink, PathBuf::from("/records/x.weir"), opening)
}

const NOTE: EventRef<'_> = EventRef::Note { message: "hello" };

fn script(sink: Sink) -> (Option<Journal<Sink>>, Result<(), RecordError>) {
    let mut journal = match journal(sink) {
        Ok(journal) => journal,
        Err(error) => return (None, Err(error)),
    };
    let result = journal
        .event(1, &NOTE)
        .and_then(|()| journal.bytes(EntryKind::Response, 2, Seq::NONE.next(), b"some rows"))
        .and_then(|()| journal.event(3, &NOTE));
    (Some(journal), result)
}

#[test]
fn a_full_disk_at_any_byte_poisons_the_journal() {
    let whole = script(Sink::new()).0.unwrap().sink.taken;
    for room in 0..whole.len() {
        let (journal, result) = script(Sink {
            room,
            ..Sink::new()
        });
        let Err(RecordError::Full { path, .. }) = result else {
            panic!("{room}: {result:?}")
        };
        assert_eq!(path, Path::new("/records/x.weir"));
        let Some(mut journal) = journal else { continue };

        // There is room again, but the end of the record is not known.
        journal.sink.room = usize::MAX;
        let calls = journal.sink.calls;
        let event = journal.event(4, &NOTE);
        assert!(
            matches!(event, Err(RecordError::Poisoned { .. })),
            "{room}: {event:?}"
        );
        let response = journal.bytes(EntryKind::Response, 4, Seq::NONE.next(), b"");
        assert!(
            matches!(response, Err(RecordError::Poisoned { .. })),
            "{room}: {response:?}"
        );
        assert_eq!(journal.sink.calls, calls, "the sink is left alone");
        assert_eq!(journal.sink.taken, whole[..room]);
    }
}

#[test]
fn a_panic_in_the_sink_poisons_the_journal() {
    let mut journal = journal(Sink::new()).unwrap();
    let panic = || journal.guarded(|_| -> io::Result<()> { panic!("in the sink") }, blame);
    assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
    assert!(matches!(
        journal.event(1, &NOTE),
        Err(RecordError::Poisoned { .. })
    ));
}

#[test]
fn a_sink_that_takes_little_at_a_time_gets_the_same_bytes() {
    let whole = script(Sink::new()).0.unwrap().sink.taken;
    for bite in [1, 2, 7, 40] {
        let (journal, result) = script(Sink {
            bite,
            ..Sink::new()
        });
        result.unwrap();
        assert_eq!(journal.unwrap().sink.taken, whole, "{bite}");
    }
}

#[test]
fn each_frame_is_one_write() {
    let (journal, result) = script(Sink::new());
    result.unwrap();
    let mut journal = journal.unwrap();
    assert_eq!(journal.sink.calls, 4, "a header and three frames");
    journal
        .bytes(
            EntryKind::Response,
            4,
            Seq::NONE.next(),
            &vec![0; MAX_RESPONSE],
        )
        .unwrap();
    assert_eq!(journal.sink.calls, 5);
    journal
        .bytes(
            EntryKind::Response,
            4,
            Seq::NONE.next(),
            &vec![0; MAX_RESPONSE + 1],
        )
        .unwrap();
    assert_eq!(journal.sink.calls, 7);
}

#[test]
fn an_event_beyond_a_frame_is_refused_whole_and_harms_nothing() {
    let mut journal = journal(Sink::new()).unwrap();
    let before = journal.sink.taken.len();
    // As JSON each of these is six bytes.
    let message = "\u{1}".repeat(MAX_EVENT / 6 + 1);
    let result = journal.event(1, &EventRef::Note { message: &message });
    assert!(
        matches!(result, Err(RecordError::TooLarge { limit: MAX_EVENT })),
        "{result:?}"
    );
    assert_eq!(journal.sink.taken.len(), before);

    let around = r#"{"event":"note","message":""}"#.len();
    let message = "x".repeat(MAX_EVENT - around);
    journal
        .event(2, &EventRef::Note { message: &message })
        .unwrap();
    assert!(
        journal.json.capacity() <= KEPT,
        "a long event's memory is given back"
    );
    let longer = format!("{message}x");
    let result = journal.event(3, &EventRef::Note { message: &longer });
    assert!(
        matches!(result, Err(RecordError::TooLarge { .. })),
        "{result:?}"
    );
    journal.event(4, &NOTE).unwrap();
}
