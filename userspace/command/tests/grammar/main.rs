//! weir's reading of SQL beside that of PostgreSQL's own grammar, on the statements of PostgreSQL's
//! regression suite and on generated ones: for each, the verb and the relations agree, or weir says that it can't read it.
//!
//! The grammar is asked by `oracle.py`, through a build of it that PyPI has. `cargo xtask setup`
//! fetches both it and the suite.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "how a test fails, also in its helpers, and the shares that it prints"
)]

mod generate;

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use testbed::Spawn;
use weir_command::{Access, Command, Statement, sql};

use generate::Generator;

/// Of a hundred statements, how many may be opaque.
const MOST_OPAQUE: usize = 1;
/// The same of generated ones, which are denser than what people write.
const MOST_OPAQUE_GENERATED: usize = 12;
/// How many are generated.
const GENERATED: usize = 4000;
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

/// What came of the statements that the grammar accepts.
struct Compared {
    all: usize,
    opaque: usize,
}

/// Compares the two readings of each statement in the .sql files of a directory. Any disagreement
/// fails the test.
fn compare(scripts: &Path) -> Compared {
    let oracle = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/grammar/oracle.py");
    let told = Spawn::new(testbed::venv().unwrap())
        .args([oracle.as_ref(), scripts.as_os_str()])
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
    Compared {
        all,
        opaque: unread,
    }
}

#[test]
fn weir_reads_the_regression_suite_as_postgresql_does() {
    let Compared { all, opaque } = compare(&testbed::regression_suite().unwrap());
    assert!(all >= LEAST, "{all} statements are not the suite");
    assert!(
        opaque * 100 < all * MOST_OPAQUE,
        "{opaque} of {all} are opaque"
    );
}

/// `WEIR_SEED` makes others than the usual ones.
#[test]
fn weir_reads_generated_statements_as_postgresql_does() {
    let seed = std::env::var("WEIR_SEED").map_or(7, |seed| seed.parse().unwrap());
    println!("WEIR_SEED={seed}");
    let scripts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    std::fs::create_dir_all(&scripts).unwrap();
    let mut generator = Generator::new(seed);
    let texts: String = (0..GENERATED)
        .map(|_| generator.statement() + "\n")
        .collect();
    std::fs::write(scripts.join("generated.sql"), texts).unwrap();
    let Compared { all, opaque } = compare(&scripts);
    assert!(
        all * 100 >= GENERATED * 80,
        "only {all} of {GENERATED} are statements to the server"
    );
    assert!(
        opaque * 100 < all * MOST_OPAQUE_GENERATED,
        "{opaque} of {all} are opaque"
    );
}
