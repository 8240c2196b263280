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
    super::{error::CliError, escape::json_shown, out::Out},
    args::{Filters, Format},
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
) -> Result<(), CliError> {
    let ids = if ids.is_empty() {
        let all = source.all(filters.wanted())?;
        all.iter().map(|one| one.start.id.to_string()).collect()
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
    let mut broken = None;
    for recorded in first.map(Ok).into_iter().chain(sessions) {
        match recorded.and_then(|recorded| session(recorded, form.as_mut(), &mut sink)) {
            Ok(()) => {}
            Err(CliError::Print(error)) => return Err(CliError::Print(error)),
            // The others are worth having; that one is not whole must still fail the command.
            Err(error) => {
                Out::stderr().line(&super::super::line::Line::plain(format!("weir: {error}")))?;
                broken = Some(error);
            }
        }
    }
    sink.0.flush()?;
    broken.map_or(Ok(()), Err)
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
