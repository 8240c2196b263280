//! Suites that pytest runs, in the environment that `cargo xtask setup` made.

use anyhow::Result;
use testbed::Spawn;

use super::outcome::{self, Outcome, Ran};
use super::scene::Scene;
use crate::workspace::Workspace;

/// What SQLAlchemy's README.unittests asks for, and what its tests take for granted.
pub(super) const SQLALCHEMY_PREPARATION: &str = "\
CREATE SCHEMA test_schema;
CREATE SCHEMA test_schema_2;
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE COLLATION \"en_US\" FROM \"C\";
ALTER DATABASE shop SET default_text_search_config = 'pg_catalog.english';
";

/// Thousands of its tests do the same with each type of ranges: one of those is enough.
const ONE_OF_THE_RANGES: &str = "(Int4Range or not RangeRoundTripTest)";

/// How many seconds one test may hang before it has failed.
const TIMEOUT: &str = "--timeout=300";

/// Those of asyncpg's tests that start servers of their own, which weir does not stand before.
const SERVERS_OF_THEIR_OWN: &str = "tests/test_connect.py::TestConnectionAttributes";

/// asyncpg's own tests, without those of its source's style.
pub(super) fn asyncpg(workspace: &Workspace, scene: &Scene, only: Option<&str>) -> Result<Ran> {
    let spawn = pytest(workspace, scene, "asyncpg")
        .args(only.iter().flat_map(|only| ["-k", only]))
        .args(["--ignore", "tests/test__sourcecode.py"])
        .args(["--deselect", SERVERS_OF_THEIR_OWN, "tests"])
        .env("PGDATABASE", "postgres");
    run(spawn)
}

/// SQLAlchemy's tests of its PostgreSQL dialect, and its suite for dialects, by one of the drivers.
pub(super) fn sqlalchemy(
    workspace: &Workspace,
    scene: &Scene,
    driver: &str,
    only: Option<&str>,
) -> Result<Ran> {
    let postgres = &scene.postgres;
    let url = format!(
        // One of its tests takes the URL apart and needs a password, though nobody asks for it.
        "postgresql+{driver}://{}:unused@{}:{}/{}",
        postgres.superuser(),
        postgres.host(),
        postgres.port(),
        postgres.database()
    );
    let which = match only {
        Some(only) => format!("({only}) and {ONE_OF_THE_RANGES}"),
        None => ONE_OF_THE_RANGES.to_owned(),
    };
    let spawn = pytest(workspace, scene, "sqlalchemy")
        .args(["-k", &which])
        .args(["--dburi", &url, "--maxfail=100000"])
        .args(["test/dialect/postgresql", "test/dialect/test_suite.py"]);
    run(spawn)
}

fn pytest(workspace: &Workspace, scene: &Scene, suite: &str) -> Spawn {
    let drivers = testbed::drivers_dir();
    let python = drivers.join("venv").join("bin").join("python3");
    let spawn = Spawn::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .args(["-p", "outcomes", "--tb=short", TIMEOUT])
        .current_dir(drivers.join(suite))
        .env("PYTHONPATH", workspace.drivers())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    scene.dress(spawn)
}

/// A test's name without the driver and the server's version, which SQLAlchemy has in its classes'.
fn plain(name: &str) -> String {
    match name.split_once("_postgresql+") {
        Some((class, rest)) => {
            let test = rest.split_once("::").map_or("", |(_, test)| test);
            format!("{class}::{test}")
        }
        None => name.to_owned(),
    }
}

fn run(spawn: Spawn) -> Result<Ran> {
    let output = spawn.run()?;
    let printed = format!("{}{}", output.stdout_text(), output.stderr_text());
    Ok(Ran {
        outcomes: outcome::read(&printed, |line| {
            let (word, name) = line.strip_prefix("@ ")?.split_once(' ')?;
            Some((plain(name), Outcome::read(word)?))
        }),
        printed,
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_test_is_called_the_same_whatever_the_driver_and_the_server() {
        let name = "test/a.py::MiscTest_postgresql+asyncpg_async_15_18::test_b[x-y]";
        assert_eq!(plain(name), "test/a.py::MiscTest::test_b[x-y]");
        assert_eq!(plain("tests/a.py::T::test_b"), "tests/a.py::T::test_b");
    }
}
