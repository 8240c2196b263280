//! PostgreSQL's own benchmark, which speaks each way of the protocol.

use std::fs;

use testbed::{Auth, Output, Postgres, Spawn};

use crate::{common::Gate, gate};

/// Several statements ahead of their answers.
const PIPELINE: &str = "\
\\startpipeline
SELECT abalance FROM pgbench_accounts WHERE aid = 1;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 2;
SELECT abalance FROM pgbench_accounts WHERE aid = 2;
\\endpipeline
";

fn pgbench(server: &Postgres, gate: &Gate, arguments: &[&str]) -> Output {
    let output = Spawn::new(server.bin_dir().join("pgbench"))
        .args(["-h", "127.0.0.1", "-U", "app"])
        .args(["-p", &gate.address.port().to_string()])
        .args(arguments)
        .arg(server.database())
        .run()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        output.stderr_text()
    );
    output
}

#[test]
fn pgbench_runs_in_each_of_its_ways() {
    let server = Postgres::builder()
        .tls(false)
        .auth(Auth::Trust)
        .start()
        .unwrap();
    let gate = gate(&server);
    pgbench(&server, &gate, &["-i", "-q"]);
    let script = gate.dir.path().join("pipeline.sql");
    fs::write(&script, PIPELINE).unwrap();
    let pipeline = ["-M", "extended", "-f", script.to_str().unwrap()];
    let ways: [&[&str]; 4] = [
        &["-M", "simple"],
        &["-M", "extended"],
        &["-M", "prepared"],
        &pipeline,
    ];
    for way in ways {
        let arguments = [&["-n", "-c", "2", "-t", "20"], way].concat();
        let told = pgbench(&server, &gate, &arguments).stdout_text();
        assert!(
            told.contains("number of transactions actually processed: 40/40"),
            "{way:?}: {told}"
        );
        assert!(!told.contains("failed transactions: 1"), "{way:?}: {told}");
    }
}
