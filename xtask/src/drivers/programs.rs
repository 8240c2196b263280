//! Programs of our own, for drivers whose packages ship no tests. Each prints what it saw, under a
//! heading a feature; both ways it must be the same, byte by byte.

use std::time::Duration;

use anyhow::Result;
use testbed::{Output, Spawn};

use super::outcome::{Outcome, Outcomes, Ran};
use super::scene::Scene;
use crate::setup::JDBC;
use crate::workspace::Workspace;

/// Authorities that vouch for neither the server nor weir.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The longest that one may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// What stands before a feature's name.
const HEADING: &str = "## ";
/// The program came to its end.
const END: &str = "the end";

pub(super) fn psycopg(workspace: &Workspace, scene: &Scene) -> Result<Ran> {
    let python = testbed::drivers_dir().join("venv/bin/python3");
    let program = workspace.drivers().join("program.py");
    run(scene, Spawn::new(python).arg(program))
}

pub(super) fn node(workspace: &Workspace, scene: &Scene) -> Result<Ran> {
    // Modules are looked for where the program lies.
    let program = testbed::drivers_dir().join("node/program.mjs");
    std::fs::copy(workspace.drivers().join("program.mjs"), &program)?;
    run(scene, Spawn::new("node").arg(program))
}

pub(super) fn jdbc(workspace: &Workspace, scene: &Scene) -> Result<Ran> {
    let program = workspace.drivers().join("Program.java");
    run(scene, Spawn::new("java").args(["-cp", JDBC]).arg(program))
}

fn run(scene: &Scene, spawn: Spawn) -> Result<Ran> {
    let spawn = scene
        .dress(spawn)
        .env("PGDATABASE", scene.postgres.database())
        .env("TLS_CA", scene.ca_pem())
        .env("OTHER_CA", SYSTEM_CA)
        .deadline(DEADLINE);
    let output = spawn.run()?;
    Ok(Ran {
        outcomes: saw(&output),
        printed: format!("{}{}", output.stdout_text(), output.stderr_text()),
    })
}

fn saw(output: &Output) -> Outcomes {
    let text = output.stdout_text();
    let mut outcomes: Outcomes = sections(&text)
        .map(|(name, saw)| (name.to_owned(), Outcome::Saw(saw)))
        .collect();
    let end = if output.status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    };
    outcomes.insert(END.to_owned(), end);
    outcomes
}

/// What was printed under each heading.
fn sections(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.split(HEADING)
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .map(|(name, saw)| (name, saw.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_saw_is_told_by_its_features() {
        let sections: Vec<_> = sections("noise\n## copy\n1\n2\n## cancel\n").collect();
        assert_eq!(
            sections,
            [("copy", "1\n2\n".to_owned()), ("cancel", String::new())]
        );
    }
}
