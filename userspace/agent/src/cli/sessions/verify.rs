//! `weir sessions verify`: whether records are what the host wrote.
//!
//! It reads the files alone, so that it works as well without a daemon, on a copy, and on another
//! machine with the host's public key.

use std::path::{Path, PathBuf};

use weir_record::{
    SessionId, TrustedKeys,
    verify::{self, Problem, Report, SessionReport, State, Which},
};

use super::super::{
    error::CliError,
    line::{Line, Tone},
    out::Out,
};
use super::{args::VerifyArgs, story::count};

/// Verifies, says what was found, and fails where anything is wrong.
pub(super) fn run(args: &VerifyArgs, out: &mut Out) -> Result<(), CliError> {
    let dir = &records(args)?;
    let key = match &args.key {
        Some(key) => key.clone(),
        None => beside(dir),
    };
    let keys = TrustedKeys::read(&key)?;
    let which = if args.ids.is_empty() {
        Which::Began {
            since: args.since,
            until: args.until,
        }
    } else {
        let ids = args.ids.iter().map(|id| named(dir, id));
        Which::Only(ids.collect::<Result<_, _>>()?)
    };
    let report = verify::verify(dir, &keys, &which)?;
    if args.json {
        out.json(&report)?;
    } else {
        print(&report, out)?;
    }
    if report.is_sound() {
        return Ok(());
    }
    Err(CliError::Unsound)
}

/// Those that were named, or those of the daemon.
fn records(args: &VerifyArgs) -> Result<PathBuf, CliError> {
    if let Some(records) = &args.records {
        return Ok(records.clone());
    }
    let engine = args.config.load()?.map(|config| config.engine);
    Ok(engine.unwrap_or_default().records())
}

/// The public keys that the daemon keeps beside its records.
fn beside(dir: &Path) -> PathBuf {
    dir.parent().unwrap_or(dir).join("record.pub")
}

/// A session by the beginning of its id; by a whole id also where its record is gone.
fn named(dir: &Path, id: &str) -> Result<SessionId, CliError> {
    if let Ok(id) = id.parse() {
        return Ok(id);
    }
    let path = weir_record::find(dir, id)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let found = stem.and_then(|stem| stem.parse().ok());
    found.ok_or_else(|| {
        CliError::Find(weir_record::FindError::Invalid {
            prefix: id.to_owned(),
        })
    })
}

fn print(report: &Report, out: &mut Out) -> Result<(), CliError> {
    for problem in &report.head.problems {
        wrong("head file", problem, out)?;
    }
    let (mut frames, mut unsound) = (0, 0);
    for session in &report.sessions {
        frames += session.frames;
        unsound += usize::from(!session.problems.is_empty());
        for problem in &session.problems {
            wrong(&session.id.to_string(), problem, out)?;
        }
        if session.problems.is_empty()
            && let Some(remark) = remark(session)
        {
            let line = Line::of(Tone::Warn, "note ").and(Tone::Key, session.id);
            out.line(&line.text("  ").text(remark))?;
        }
    }
    if report.head.torn > 0 {
        let remark = format!(
            "head file  {} bytes of an entry at its end",
            report.head.torn
        );
        out.line(&Line::of(Tone::Warn, "note ").text(remark))?;
    }
    let sessions = count(report.sessions.len() as u64, "session");
    let told = match unsound {
        0 => Line::of(Tone::Good, format!("{sessions} sound")),
        _ => Line::of(Tone::Bad, format!("{unsound} of {sessions} not sound")),
    };
    out.line(&told.and(Tone::Dim, format!(", {}", count(frames, "frame"))))?;
    let head = format!(
        "head file: {}, the last is {}",
        count(report.head.entries, "entry"),
        report.head.chain
    );
    Ok(out.line(&Line::of(Tone::Dim, head))?)
}

fn wrong(what: &str, problem: &Problem, out: &mut Out) -> Result<(), CliError> {
    let line = Line::of(Tone::Bad, "bad  ").and(Tone::Key, what);
    Ok(out.line(&line.text("  ").text(problem))?)
}

/// What is in order, and yet worth telling.
fn remark(session: &SessionReport) -> Option<String> {
    let unsigned = session.frames.saturating_sub(session.signed);
    match session.state {
        State::Open => Some(format!(
            "not ended; {} at its end not signed yet",
            count(unsigned, "frame")
        )),
        State::Stopped if session.torn > 0 => Some(format!(
            "its writer was stopped, {} bytes into a frame",
            session.torn
        )),
        State::Stopped => Some("its writer was stopped".to_owned()),
        State::Unlisted => Some("from before records were signed".to_owned()),
        State::Ended | State::Removed => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::configuration::Configuration;

    fn asked(records: Option<&Path>, config: Option<&Path>) -> VerifyArgs {
        VerifyArgs {
            ids: vec![],
            since: None,
            until: None,
            records: records.map(Path::to_owned),
            config: Configuration {
                config: config.map(Path::to_owned),
            },
            key: None,
            json: false,
        }
    }

    #[test]
    fn records_are_where_they_were_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("weir.toml");
        fs::write(&config, "[engine]\nstate = \"/srv/weir\"\n").unwrap();
        let found = records(&asked(None, Some(&config))).unwrap();
        assert_eq!(found, Path::new("/srv/weir/records"));
        let named = asked(Some(Path::new("/mnt/copy")), Some(&config));
        assert_eq!(records(&named).unwrap(), Path::new("/mnt/copy"));
        let missing = asked(None, Some(&dir.path().join("missing.toml")));
        assert!(matches!(records(&missing), Err(CliError::Config(_))));
    }
}
