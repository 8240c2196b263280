//! `weir policy`: check, explain, test, sign, reload, schema, suggest.

pub(super) mod error;
mod explain;
mod sign;
pub(super) mod suggest;
mod test;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use weir_command::{Statement, sql};
use weir_policy::{Diagnostic, Policies, Severity};
use weir_record::Intent;

use super::{
    args::{Policy, PolicyCommand},
    diagnostics,
    error::CliError,
    line::{Line, Tone},
    out::Out,
    runtime,
    sessions::story::count,
};
use crate::{
    config::Config,
    control::client::Client,
    engine::{PolicyFiles, ReloadError, Reloaded},
    signing::PublicKey,
};

/// What a recorded text says, with the relations that its names meant when it was judged.
fn said(intent: &Intent) -> Vec<Statement> {
    let mut read = sql::statements(intent.text.as_bytes(), &sql::Limits::default());
    for (statement, known) in read.iter_mut().zip(&intent.statements) {
        if let (Statement::Command(command), Some(used)) = (statement, known.used())
            && command.verb.as_str() == known.verb
        {
            command.objects = used;
        }
    }
    read
}

/// Runs `weir policy …`.
pub(super) fn run(policy: &Policy, out: &mut Out) -> Result<(), CliError> {
    match &policy.command {
        PolicyCommand::Check { dir, config, json } => check(dir.as_deref(), config, *json, out),
        PolicyCommand::Reload { socket } => {
            let reloaded = runtime::small()?.block_on(Client::new(socket).reload_policies())?;
            Ok(tell(&reloaded, out)?)
        }
        PolicyCommand::Explain(asked) => explain::run(asked, out),
        PolicyCommand::Test(asked) => test::run(asked, out),
        PolicyCommand::Keygen(asked) => sign::keygen(asked, out),
        PolicyCommand::Sign(asked) => sign::sign(asked, out),
        PolicyCommand::Suggest(asked) => suggest::run(asked, out),
        PolicyCommand::Schema => Ok(out.block(Tone::Plain, "", Policies::schema())?),
    }
}

fn check(dir: Option<&Path>, config: &Path, json: bool, out: &mut Out) -> Result<(), CliError> {
    let files = match dir {
        Some(dir) => PolicyFiles::new(Some(dir.to_owned())),
        None => Configured::read(config)?.files(),
    };
    let loaded = files.load();
    if json {
        out.json(&Checked::of(&files.source(), &loaded))?;
        out.flush()?;
        return loaded.map(drop).map_err(CliError::from);
    }
    let policies = loaded?;
    for warning in policies.warnings() {
        diagnostics::print(&warning.to_string(), out)?;
    }
    let line = Line::of(Tone::Good, "ok: ")
        .text(files.source())
        .text(" policies, version ");
    Ok(out.line(&line.and(Tone::Key, policies.version()))?)
}

/// What the configuration says of policies; without one, its defaults.
struct Configured {
    directory: Option<PathBuf>,
    keys: Vec<PublicKey>,
    state: PathBuf,
}

impl Configured {
    fn read(config: &Path) -> Result<Self, CliError> {
        let (engine, policies) = if config.exists() {
            let config = Config::load(config)?;
            (config.engine, config.policies)
        } else {
            Default::default()
        };
        Ok(Self {
            directory: engine.policies,
            keys: policies.keys,
            state: engine.state,
        })
    }

    fn files(&self) -> PolicyFiles {
        PolicyFiles::new(self.directory.clone()).signed_by(self.keys.clone())
    }
}

fn tell(reloaded: &Reloaded, out: &mut Out) -> io::Result<()> {
    for warning in &reloaded.warnings {
        diagnostics::print(warning, out)?;
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
    match reloaded.rejudged {
        0 => Ok(()),
        rejudged => out.line(&Line::plain(format!(
            "{} judged again; what is no longer allowed ends",
            count(rejudged, "live session")
        ))),
    }
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
    fn of(checked: &'a str, loaded: &'a Result<Policies, ReloadError>) -> Self {
        let (version, found): (_, &[Diagnostic]) = match loaded {
            Ok(policies) => (Some(policies.version().to_string()), policies.warnings()),
            Err(ReloadError::Rejected(diagnostics)) => (None, &diagnostics.0),
            // Told as the command's own error.
            Err(_) => (None, &[]),
        };
        let diagnostics = found.iter().map(Found::of).collect();
        Self {
            checked,
            ok: loaded.is_ok(),
            version,
            diagnostics,
        }
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
    fn a_directory_that_is_not_there_is_an_error_with_its_name() {
        let error = PolicyFiles::new(Some("/nonexistent/policies".into()))
            .load()
            .unwrap_err();
        assert!(
            CliError::from(error)
                .to_string()
                .contains("/nonexistent/policies")
        );
    }

    #[test]
    fn a_reload_tells_what_changed() {
        let reloaded = Reloaded {
            from: "a1".into(),
            to: "b2".into(),
            warnings: vec![],
            rejudged: 1,
        };
        assert_eq!(
            capture::plain(|out| tell(&reloaded, out)),
            "reloaded: policy a1 is now b2\n1 live session judged again; what is no longer allowed ends\n"
        );
    }
}
