//! `weir policy suggest`: from what was seen to policies that admit it.
//!
//! The records are read anew by today's reader of statements, so that the suggestion answers what
//! today's judge will ask; where that reads a text otherwise than the record says, the text is left
//! out and told.

mod gather;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use weir_policy::{LeftOut, Policies, Source};

use self::gather::Gathered;
use super::super::{
    args::Suggest,
    error::CliError,
    line::{Line, Tone},
    out::Out,
    sessions::{source, story::count},
};
use crate::{control::Wanted, engine::ReloadError};

/// PostgreSQL's own port, at which a better guess than an opaque target can be made.
const POSTGRES: u16 = 5432;

/// Why there is no suggestion.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum SuggestError {
    /// Nothing in the records went through that could be admitted.
    #[error("nothing was seen that could be admitted")]
    Nothing,
    /// A file can't be written. One that exists is never overwritten.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs `weir policy suggest`.
pub(super) fn run(asked: &Suggest, out: &mut Out) -> Result<(), CliError> {
    let source = source::Source::new(&asked.reach);
    let mut said = Out::stderr();
    let all = source.all(Wanted {
        workload: asked.workload.clone(),
        ..Wanted::default()
    })?;
    for record in &all.unreadable {
        said.line(&Line::of(Tone::Bad, "unreadable: ").text(&record.problem))?;
    }
    let since = asked.since.unwrap_or(Timestamp::MIN);
    let mut gathered = Gathered::new(asked.by);
    for session in &all.sessions {
        let start = &session.start;
        if start.started >= since {
            let recorded = source.open(&start.id.to_string())?;
            gathered.session(&recorded.start, recorded.entries)?;
        }
    }
    gathered.settle();
    tell(&gathered, &mut said)?;
    if gathered.suggestion.is_empty() {
        return Err(SuggestError::Nothing.into());
    }
    let sources = gathered.suggestion.sources();
    // What is handed out loads.
    Policies::load(&sources).map_err(ReloadError::Rejected)?;
    match &asked.out {
        Some(dir) => write(&sources, dir, &mut said),
        None => Ok(sources
            .iter()
            .try_for_each(|source| out.block(Tone::Plain, "", &source.text))?),
    }
}

/// What the policies alone don't say.
fn tell(gathered: &Gathered, said: &mut Out) -> std::io::Result<()> {
    for (why, times) in gathered.suggestion.left_out() {
        let why = match why {
            LeftOut::Unread => "could not be read",
            LeftOut::HiddenCode => "runs code that no text shows",
            LeftOut::Unnameable => "names what no policy can name",
        };
        let line = format!("left out: {}, since it {why}", count(*times, "command"));
        said.line(&Line::of(Tone::Warn, line))?;
    }
    if gathered.reread > 0 {
        let line = format!(
            "left out: {}, since the record says otherwise of it than it is read now",
            count(gathered.reread, "command")
        );
        said.line(&Line::of(Tone::Warn, line))?;
    }
    if gathered.undeclared.is_empty() {
        return Ok(());
    }
    said.line(&Line::plain(
        "add to weir.toml what was dialled and is not declared:",
    ))?;
    for destination in &gathered.undeclared {
        said.block(Tone::Key, "", &stanza(*destination))?;
    }
    Ok(())
}

/// What declares a destination, under the name that the suggested policies give it.
fn stanza(destination: SocketAddr) -> String {
    let mut stanza = format!(
        "\n[[target]]\nname = \"{}\"\nprotocol = \"tcp\"\nhosts = [\"{}\"]\nports = [{}]",
        gather::name_of(destination),
        destination.ip(),
        destination.port()
    );
    if destination.port() == POSTGRES {
        stanza.push_str(
            "\n# if this is PostgreSQL: protocol = \"postgres\" and [target.credential] have weir \
             read it",
        );
    }
    stanza
}

fn write(sources: &[Source], dir: &Path, said: &mut Out) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SuggestError::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    for source in sources {
        let path = dir.join(&source.name);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)
            .and_then(|mut file| file.write_all(source.text.as_bytes()))
            .map_err(failed(&path))?;
    }
    let line = Line::of(Tone::Good, "written: ")
        .text(dir.display())
        .text("; weir policy check ")
        .text(dir.display());
    Ok(said.line(&line)?)
}

/// Destinations, each once, in order.
type Undeclared = BTreeSet<SocketAddr>;
