//! `weir sessions export`: records in the words of other programs.

mod csv;
mod jsonl;
mod ocsf;

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use weir_record::{Entry, ReadError};

use super::{
    super::{error::CliError, escape::json_shown, line::Line, out::Out},
    args::{Filters, Format},
    list,
    masks::Masks,
    source::{Recorded, Source},
};

/// One form of an export, session by session.
trait Form {
    /// What precedes all sessions.
    fn begin(&mut self, sink: &mut Sink) -> io::Result<()>;

    /// The next session's record is encrypted, and its outline is all there is.
    fn outlined(&mut self) {}

    /// A session begins; where its values are masked is known.
    fn session(
        &mut self,
        start: &weir_record::SessionStart,
        masks: Masks,
        sink: &mut Sink,
    ) -> io::Result<()>;

    /// Its next entry, recorded `at` so many microseconds after its start.
    fn entry(&mut self, entry: Entry, at: i64, sink: &mut Sink) -> io::Result<()>;

    /// It has no more.
    fn over(&mut self, sink: &mut Sink) -> io::Result<()>;
}

/// Where an export goes.
struct Sink(Box<dyn Write>);

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path else {
            return Ok(Self(Box::new(BufWriter::new(io::stdout()))));
        };
        // For nobody else: it holds what agents read.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|source| CliError::Unwritable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(Box::new(BufWriter::new(file))))
    }

    /// One object, on a line of its own; what could act on a terminal is escaped.
    fn object(&mut self, object: &impl serde::Serialize) -> io::Result<()> {
        let json = serde_json::to_string(object).map_err(io::Error::other)?;
        writeln!(self.0, "{}", json_shown(&json))
    }
}

/// Writes out the sessions named, or all that the filters let through.
pub(super) fn run(
    source: &Source,
    (ids, filters): (&[String], &Filters),
    identity: Option<&Path>,
    (format, path): (Format, Option<&Path>),
    said: &mut Out,
) -> Result<(), CliError> {
    let mut left_out = Ok(());
    let ids = if ids.is_empty() {
        let all = source.all(filters.wanted())?;
        list::left_out(&all, said)?;
        if !all.unreadable.is_empty() || all.pending > 0 {
            left_out = Err(CliError::NotAll);
        }
        let all = all.sessions.iter();
        all.map(|one| one.start.id.to_string()).collect()
    } else {
        ids.to_vec()
    };
    let mut form: Box<dyn Form> = match format {
        Format::Jsonl => Box::new(jsonl::Lines::default()),
        Format::Csv => Box::new(csv::Table::default()),
        Format::Ocsf => Box::new(ocsf::Events::default()),
    };
    // The first is opened before there is a file, so that a wrong id leaves none.
    let mut sessions = ids.iter().map(|id| match format {
        // As they are shipped.
        Format::Ocsf => source.survey(id, identity),
        Format::Jsonl | Format::Csv => source.open_with(id, identity),
    });
    let first = sessions.next().transpose()?;
    let mut sink = Sink::open(path)?;
    form.begin(&mut sink)?;
    let mut broken = left_out;
    for recorded in first.map(Ok).into_iter().chain(sessions) {
        match recorded.and_then(|recorded| session(recorded, form.as_mut(), &mut sink)) {
            Ok(()) => {}
            Err(CliError::Print(error)) => return Err(CliError::Print(error)),
            // The others are worth having; that one is not whole must still fail the command.
            Err(error) => {
                said.line(&Line::plain(format!("weir: {error}")))?;
                broken = Err(error);
            }
        }
    }
    sink.0.flush()?;
    broken
}

fn session(recorded: Recorded, form: &mut dyn Form, sink: &mut Sink) -> Result<(), CliError> {
    let masks = recorded.masks();
    let Recorded {
        start, mut entries, ..
    } = recorded;
    if entries.is_outline() {
        form.outlined();
    }
    form.session(&start, masks, sink)?;
    let mut broken: Option<ReadError> = None;
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => form.entry(entry, entries.at(), sink)?,
            Err(error) => broken = Some(error),
        }
    }
    form.over(sink)?;
    broken.map_or(Ok(()), |error| Err(error.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use weir_record::{End, Process, SessionId, SessionStart, SessionWriter};

    use super::{super::super::out::capture, *};

    #[test]
    fn what_cannot_be_read_is_told_and_fails_what_else_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records");
        let started = "2026-11-21T10:00:00Z".parse().unwrap();
        let start = SessionStart {
            id: SessionId::new(started, 1),
            started,
            workload: "ci".into(),
            subject: "unix:alice".into(),
            groups: vec![],
            on_behalf_of: None,
            process: Process::default(),
            destination: "192.0.2.7:5432".into(),
            destination_name: None,
            target: None,
            protocol: None,
            policy_version: "0".into(),
            observed: false,
        };
        let whole = SessionWriter::create(&records, &start).unwrap();
        whole.end(&End::Closed).unwrap();
        let exported = |name: &str| {
            let to = dir.path().join(name);
            let mut ended = Ok(());
            let said = capture::plain(|said| {
                ended = run(
                    &Source::Records(records.clone()),
                    (&[], &Filters::default()),
                    None,
                    (Format::Jsonl, Some(&to)),
                    said,
                );
                Ok(())
            });
            (ended, said, fs::read_to_string(to).unwrap())
        };
        let (ended, said, text) = exported("whole");
        assert!(ended.is_ok() && said.is_empty(), "{said}");
        assert!(text.contains("unix:alice"), "{text}");

        let junk = weir_record::store::path_of(&records, SessionId::new(started, 2));
        fs::write(&junk, "junk").unwrap();
        let (ended, said, text) = exported("rest");
        assert!(matches!(ended, Err(CliError::NotAll)));
        let named = said.starts_with("unreadable: ") && said.contains(junk.to_str().unwrap());
        assert!(named, "{said}");
        assert!(text.contains("unix:alice"), "the others are worth having");
    }
}
