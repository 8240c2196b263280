//! PostgreSQL's own benchmark: no transaction fails, whichever way its statements are sent.

use std::fs;

use anyhow::{Context as _, Result};
use testbed::Spawn;

use super::outcome::{Outcome, Outcomes, Ran};
use super::scene::Scene;

/// Several statements ahead of their answers; the second time with the first's result at hand.
const PIPELINE: &str = "\
\\set aid random(1, 100000)
\\startpipeline
BEGIN;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, 1, now());
END;
\\endpipeline
\\startpipeline
SELECT 1;
SELECT count(*) FROM pgbench_branches;
\\endpipeline
";

/// The name, pgbench's query mode, and whether the script above is what it runs.
const WAYS: [(&str, &str, bool); 5] = [
    ("simple", "simple", false),
    ("extended", "extended", false),
    ("prepared", "prepared", false),
    ("extended pipeline", "extended", true),
    ("prepared pipeline", "prepared", true),
];

pub(super) fn run(scene: &Scene) -> Result<Ran> {
    let script = scene.scratch().join("pipeline.sql");
    fs::write(&script, PIPELINE).context("cannot write a script for pgbench")?;
    let mut printed = pgbench(scene, &["-i", "-q"])?.1;
    let mut outcomes = Outcomes::new();
    for (name, mode, pipeline) in WAYS {
        let script = script.to_string_lossy();
        let script: &[&str] = if pipeline { &["-f", &script] } else { &[] };
        let args = [
            &["-n", "-c", "8", "-j", "2", "-t", "50", "-M", mode],
            script,
        ]
        .concat();
        let (succeeded, text) = pgbench(scene, &args)?;
        // Of older ones, which don't count them, a failed transaction ends its client.
        let all = succeeded
            && text.contains("actually processed: 400/400")
            && !text.contains("failed transactions: ")
            || text.contains("failed transactions: 0 ");
        let outcome = if all {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        outcomes.insert(name.to_owned(), outcome);
        printed.push_str(&text);
    }
    Ok(Ran { outcomes, printed })
}

fn pgbench(scene: &Scene, args: &[&str]) -> Result<(bool, String)> {
    let spawn = Spawn::new(scene.postgres.bin_dir().join("pgbench"))
        .args(args)
        .arg(scene.postgres.database());
    let output = scene.dress(spawn).run()?;
    let text = format!("{args:?}\n{}{}", output.stdout_text(), output.stderr_text());
    Ok((output.status.success(), text))
}
