//! weir's reading of SQL beside that of PostgreSQL's own grammar, on the statements of PostgreSQL's
//! regression suite: for each, the verb and the relations agree, or weir says that it can't read it.
//!
//! The grammar is asked by `oracle.py`, through a build of it that PyPI has. `cargo xtask setup`
//! fetches both it and the suite.

use std::collections::BTreeMap;

use serde::Deserialize;
use testbed::Spawn;
use weir_command::{Access, Command, Statement, sql};

/// Of a hundred statements, how many may be opaque.
const MOST_OPAQUE: usize = 2;
/// Fewer statements than this are not the suite.
const LEAST: usize = 40_000;

/// What the grammar says of one statement.
#[derive(Deserialize)]
struct Said {
    file: String,
    text: String,
    kind: String,
    verb: String,
    /// Schema, name, and whether it is written.
    relations: Vec<(Option<String>, String, bool)>,
}

/// What is wrong with weir's reading of a command.
fn disagreement(said: &Said, command: &Command) -> Option<String> {
    let verb = command.verb.as_str();
    if verb != said.verb && !is_stricter(said, command) {
        return Some(format!("{verb} for {}", said.verb));
    }
    said.relations.iter().find_map(|(schema, name, written)| {
        let mut met = command
            .objects
            .iter()
            .filter(|object| object.schema == *schema && object.name == *name);
        if *written {
            let writes = |object: &&weir_command::Object| object.access == Access::Write;
            met.find(writes)
                .is_none()
                .then(|| format!("{name} isn't written"))
        } else {
            met.next().is_none().then(|| format!("{name} is missing"))
        }
    })
}

/// Whether weir sees more than the grammar does: functions that write, and a table that is made
/// within a query.
fn is_stricter(said: &Said, command: &Command) -> bool {
    let writes = |name: &str| name.starts_with("lo_") || name == "lowrite" || name == "setval";
    let by_function = command.functions.iter().any(|name| writes(name));
    match (said.verb.as_str(), command.verb.as_str()) {
        ("select" | "insert", "update") => by_function,
        ("select", "create") => said.text.to_lowercase().contains("into"),
        _ => false,
    }
}

#[test]
fn weir_reads_the_regression_suite_as_postgresql_does() {
    let oracle = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/grammar/oracle.py");
    let told = Spawn::new(testbed::venv().unwrap())
        .args([
            oracle.as_ref(),
            testbed::regression_suite().unwrap().as_os_str(),
        ])
        .deadline(std::time::Duration::from_secs(100))
        .run()
        .unwrap();
    assert_eq!(told.stderr_text(), "");
    let told = told.stdout_text();
    let limits = sql::Limits::default();
    let (mut all, mut opaque) = (0, BTreeMap::<String, usize>::new());
    let mut wrong = Vec::new();
    for line in told.lines() {
        let said: Said = serde_json::from_str(line).unwrap();
        all += 1;
        let disagreement = match sql::statements(said.text.as_bytes(), &limits).as_slice() {
            [Statement::Opaque(_)] => {
                *opaque.entry(said.kind.clone()).or_default() += 1;
                None
            }
            [Statement::Command(command)] => disagreement(&said, command),
            several => Some(format!("{} statements for one", several.len())),
        };
        if let Some(why) = disagreement {
            wrong.push(format!("{}: {why}: {}", said.file, said.text.trim()));
        }
    }
    let unread: usize = opaque.values().sum();
    println!(
        "{all} statements, {unread} of them opaque, {} wrong",
        wrong.len()
    );
    println!("opaque: {opaque:?}");
    assert!(wrong.is_empty(), "{:#?}", wrong.get(..20).unwrap_or(&wrong));
    assert!(all >= LEAST, "{all} statements are not the suite");
    assert!(
        unread * 100 < all * MOST_OPAQUE,
        "{unread} of {all} are opaque"
    );
}
