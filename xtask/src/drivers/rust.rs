//! The tests that the crate tokio-postgres ships.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use testbed::Spawn;

use super::outcome::{self, Outcome, Ran};
use super::scene::Scene;
use crate::process::forget_cargo;
use crate::say;
use crate::workspace::Workspace;

/// What its `docker/sql_setup.sh` makes, as far as it can be told a server that trusts everybody.
pub(super) const PREPARATION: &str = "\
CREATE ROLE pass_user PASSWORD 'password' LOGIN;
CREATE ROLE md5_user PASSWORD 'password' LOGIN;
CREATE ROLE scram_user PASSWORD 'password' LOGIN;
CREATE ROLE ssl_user LOGIN;
\\c postgres
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
";

/// Builds and runs them, one after the other as they share tables.
pub(super) fn run(workspace: &Workspace, scene: &Scene, only: Option<&str>) -> Result<Ran> {
    let spawn = Spawn::new(build(workspace)?)
        .args(["--test-threads", "1"])
        .args(only)
        .current_dir(scene.scratch());
    let output = scene.dress(spawn).run()?;
    let printed = format!("{}{}", output.stdout_text(), output.stderr_text());
    Ok(Ran {
        outcomes: outcome::read(&printed, split),
        printed,
    })
}

/// A line of libtest's: `test runtime::tcp ... ok`, behind the name also `- should panic`.
fn split(line: &str) -> Option<(String, Outcome)> {
    let (name, word) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let word = word.split([',', ' ']).next()?;
    Some((name.to_owned(), Outcome::read(word)?))
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let root = testbed::drivers_dir().join("tokio-postgres");
    say::command("cargo test --no-run --test test, of tokio-postgres");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_cargo(&mut cargo);
    let output = cargo
        .args(["test", "--locked", "--no-run", "--test", "test"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start cargo in {}", workspace.root().display()))?;
    if !output.status.success() {
        bail!("the tests of tokio-postgres don't build, {}", output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout))
        .context("cargo built the tests of tokio-postgres and didn't say where they are")
}

fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some("test"))
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtests_lines_are_read() {
        let lines = [
            (
                "test runtime::tcp ... ok",
                Some(("runtime::tcp", Outcome::Passed)),
            ),
            ("test a ... FAILED", Some(("a", Outcome::Failed))),
            ("test b ... ignored, why", Some(("b", Outcome::Skipped))),
            ("test result: ok. 3 passed", None),
        ];
        for (line, read) in lines {
            let read = read.map(|(name, outcome): (&str, _)| (name.to_owned(), outcome));
            assert_eq!(split(line), read, "{line}");
        }
    }
}
