//! `weir policy`: check, explain, test, sign, reload, schema, suggest.

pub(super) mod error;
mod explain;
mod json;
mod sign;
pub(super) mod suggest;
mod test;

use std::{
    io,
    path::{Path, PathBuf},
};

use weir_command::{Statement, sql};
use weir_policy::Policies;
use weir_record::Intent;

use self::json::Checked;
use super::{
    args::{Policy, PolicyCommand},
    configuration::Configuration,
    diagnostics,
    error::CliError,
    line::{Line, Tone},
    out::Out,
    runtime,
    sessions::story::count,
};
use crate::{
    config::ConfigErrors,
    control::client::Client,
    engine::{PolicyFiles, Reloaded},
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

fn check(
    dir: Option<&Path>,
    config: &Configuration,
    json: bool,
    out: &mut Out,
) -> Result<(), CliError> {
    let configured = match dir {
        Some(dir) => Ok(Configured {
            directory: Some(dir.to_owned()),
            ..Configured::default()
        }),
        None => Configured::read(config),
    };
    if json {
        let (checked, loaded) = match configured {
            Ok(configured) => {
                let files = configured.files();
                (files.source(), files.load().map_err(CliError::from))
            }
            Err(error) => (config.path().display().to_string(), Err(error.into())),
        };
        out.json(&Checked::of(&checked, &loaded))?;
        out.flush()?;
        return loaded.map(drop);
    }
    let configured = configured?;
    let policies = configured.files().load()?;
    for warning in policies.warnings() {
        diagnostics::print(&warning.to_string(), out)?;
    }
    let line = Line::of(Tone::Good, "ok: ")
        .text(called(configured.directory.as_deref()))
        .text(", version ");
    Ok(out.line(&line.and(Tone::Key, policies.version()))?)
}

/// The policies of a directory, or weir's own, in a sentence.
fn called(directory: Option<&Path>) -> String {
    directory.map_or_else(
        || "shipped policies".to_owned(),
        |directory| format!("policies in {}", directory.display()),
    )
}

/// What the configuration says of policies; without one, its defaults.
#[derive(Default)]
struct Configured {
    directory: Option<PathBuf>,
    keys: Vec<PublicKey>,
    state: PathBuf,
}

impl Configured {
    fn read(config: &Configuration) -> Result<Self, ConfigErrors> {
        let config = config.load()?;
        let (engine, policies) = config
            .map(|config| (config.engine, config.policies))
            .unwrap_or_default();
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

    /// What `weir policy check --json` prints, and whether it fails.
    fn checked(dir: Option<&Path>, config: &Path) -> (serde_json::Value, bool) {
        let config = Configuration {
            config: Some(config.to_owned()),
        };
        let mut failed = false;
        let told = capture::plain(|out| {
            failed = check(dir, &config, true, out).is_err();
            Ok(())
        });
        (serde_json::from_str(&told).expect(&told), failed)
    }

    #[test]
    fn a_check_that_fails_says_why_to_programs_too() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("weir.toml");
        let missing = dir.path().join("missing");
        for (directory, why) in [
            (dir.path(), "holds no *.cedar file"),
            (missing.as_path(), "can't read"),
        ] {
            let (told, failed) = checked(Some(directory), &config);
            assert!(failed && told["ok"] == false, "{told}");
            let error = told["error"].as_str().unwrap();
            assert!(error.contains(why), "{told}");
        }
        let (told, failed) = checked(None, &config);
        let error = told["error"].as_str().unwrap();
        assert!(failed && error.contains("weir.toml"), "{told}");

        std::fs::write(&config, "[engine]\nsate = \"/srv\"\n").unwrap();
        let (told, failed) = checked(None, &config);
        assert!(failed && told["error"].is_string(), "{told}");
        assert_eq!(told["diagnostics"][0]["line"], 2, "{told}");
    }

    #[test]
    fn a_configuration_that_was_named_and_is_not_there_is_no_shipped_policy() {
        let config = Configuration {
            config: Some("/nonexistent/weir.toml".into()),
        };
        let told = capture::plain(|out| {
            let error = check(None, &config, false, out).unwrap_err().to_string();
            assert!(error.contains("/nonexistent/weir.toml"), "{error}");
            Ok(())
        });
        assert_eq!(told, "");
    }

    #[test]
    fn a_good_check_says_of_what() {
        assert_eq!(called(None), "shipped policies");
        assert_eq!(called(Some(Path::new("p"))), "policies in p");
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
