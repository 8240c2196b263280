//! `weir policy`: check, reload, schema.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use weir_policy::{Diagnostic, Diagnostics, Policies, Severity, Source};

use super::{
    args::{Policy, PolicyCommand},
    error::CliError,
    line::{Line, Tone},
    out::Out,
    runtime,
    sessions::story::count,
};
use crate::{
    config::Config,
    control::client::Client,
    engine::Reloaded,
};

/// The most that one source may hold: policies are written by people.
const LARGEST: u64 = 4 << 20;

/// Runs `weir policy …`.
pub(super) fn run(policy: &Policy, out: &mut Out) -> Result<(), CliError> {
    match &policy.command {
        PolicyCommand::Check { dir, config, json } => check(dir.as_deref(), config, *json, out),
        PolicyCommand::Reload { socket } => {
            let reloaded = runtime::small()?.block_on(Client::new(socket).reload_policies())?;
            Ok(tell(&reloaded, out)?)
        }
        PolicyCommand::Schema => Ok(out.block(Tone::Plain, "", Policies::schema())?),
    }
}

fn check(
    dir: Option<&Path>,
    config: &Path,
    json: bool,
    out: &mut Out,
) -> Result<(), CliError> {
    let named = match dir {
        Some(dir) => Some(dir.to_owned()),
        None => configured(config)?,
    };
    let (what, loaded) = match &named {
        Some(dir) => (dir.display().to_string(), Policies::load(&sources(dir)?)),
        None => ("the policies that weir ships".to_owned(), Policies::shipped()),
    };
    if json {
        out.json(&Checked::of(&what, &loaded))?;
        out.flush()?;
        return loaded.map(drop).map_err(CliError::Policies);
    }
    let policies = loaded?;
    for warning in policies.warnings() {
        out.block(Tone::Plain, "", &warning.to_string())?;
    }
    let line = Line::of(Tone::Good, "ok: ").text(what).text(", version ");
    Ok(out.line(&line.and(Tone::Key, policies.version()))?)
}

/// What the configuration names, if there is a configuration.
fn configured(config: &Path) -> Result<Option<PathBuf>, CliError> {
    if !config.exists() {
        return Ok(None);
    }
    Ok(Config::load(config)?.engine.policies)
}

/// The sources of a directory: `*.cedar` and `masking.toml`, each under its path.
fn sources(dir: &Path) -> Result<Vec<Source>, CliError> {
    let unreadable = |source| CliError::Unreadable { path: dir.to_owned(), source };
    let mut sources = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_source = path.extension().is_some_and(|extension| extension == "cedar")
            || path.file_name().is_some_and(|name| name == "masking.toml");
        if is_source {
            let text = text_of(&path)
                .map_err(|source| CliError::Unreadable { path: path.clone(), source })?;
            sources.push(Source { name: path.display().to_string(), text });
        }
    }
    sources.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(sources)
}

fn text_of(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than any policy"));
    }
    fs::read_to_string(path)
}

fn tell(reloaded: &Reloaded, out: &mut Out) -> io::Result<()> {
    for warning in &reloaded.warnings {
        out.block(Tone::Warn, "", warning)?;
    }
    let line = if reloaded.from == reloaded.to {
        Line::plain("unchanged: policy ").and(Tone::Key, &reloaded.to)
    } else {
        Line::of(Tone::Good, "reloaded: ")
            .text("policy ")
            .and(Tone::Key, &reloaded.from)
            .text(" is now ")
            .and(Tone::Key, &reloaded.to)
    };
    out.line(&line)?;
    if reloaded.ended > 0 {
        let ended = count(reloaded.ended, "live session");
        out.line(&Line::of(Tone::Warn, format!("{ended} ended: no longer allowed")))?;
    }
    Ok(())
}

/// The outcome of a check, for programs.
#[derive(Serialize)]
struct Checked<'a> {
    checked: &'a str,
    ok: bool,
    version: Option<String>,
    diagnostics: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    severity: &'static str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    help: Option<&'a str>,
}

impl<'a> Checked<'a> {
    fn of(checked: &'a str, loaded: &'a Result<Policies, Diagnostics>) -> Self {
        let (version, found): (_, &[Diagnostic]) = match loaded {
            Ok(policies) => (Some(policies.version().to_string()), policies.warnings()),
            Err(diagnostics) => (None, &diagnostics.0),
        };
        let diagnostics = found.iter().map(Found::of).collect();
        Self { checked, ok: loaded.is_ok(), version, diagnostics }
    }
}

impl<'a> Found<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            severity,
            file: &diagnostic.file,
            line: diagnostic.line,
            column: diagnostic.column,
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::out::capture, *};

    #[test]
    fn only_policy_sources_are_read_from_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.cedar", "a.cedar", "masking.toml", "README.md", "a.cedar.bak"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let texts: Vec<String> =
            sources(dir.path()).unwrap().into_iter().map(|source| source.text).collect();
        assert_eq!(texts, ["a.cedar", "b.cedar", "masking.toml"]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_with_its_name() {
        let error = sources(Path::new("/nonexistent/policies")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/policies"), "{error}");
    }

    #[test]
    fn a_reload_tells_what_changed() {
        let reloaded = Reloaded { from: "a1".into(), to: "b2".into(), warnings: vec![], ended: 1 };
        assert_eq!(
            capture::plain(|out| tell(&reloaded, out)),
            "reloaded: policy a1 is now b2\n1 live session ended: no longer allowed\n"
        );
    }
}
