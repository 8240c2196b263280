//! Where the testbed keeps what outlives one test: `<workspace>/target/testbed`.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The directory of templates and of the Python environment.
pub(crate) fn cache_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .join("target")
        .join("testbed")
}

/// Where `cargo xtask setup` puts the Python environment. [`venv`] is what to run.
#[must_use]
pub fn venv_dir() -> PathBuf {
    cache_dir().join("venv")
}

/// The Python interpreter whose environment has the database drivers (psycopg, asyncpg).
///
/// It can be run by any user who can reach the checkout. `cargo xtask setup` makes it; without it
/// this is [`Error::NotInstalled`], which says so.
pub fn venv() -> Result<PathBuf> {
    let python = venv_dir().join("bin").join("python3");
    if python.is_file() {
        Ok(python)
    } else {
        Err(Error::NotInstalled {
            what: "the Python environment with the database drivers",
        })
    }
}

/// Where `cargo xtask setup` puts PostgreSQL's regression suite. [`regression_suite`] is what to
/// read.
#[must_use]
pub fn regression_suite_dir() -> PathBuf {
    cache_dir().join("regress")
}

/// The SQL scripts of PostgreSQL's regression suite. `cargo xtask setup` fetches them; without them
/// this is [`Error::NotInstalled`], which says so.
pub fn regression_suite() -> Result<PathBuf> {
    let dir = regression_suite_dir();
    if dir.join("select.sql").is_file() {
        Ok(dir)
    } else {
        Err(Error::NotInstalled {
            what: "PostgreSQL's regression suite",
        })
    }
}

/// Where `cargo xtask setup` puts what `cargo xtask drivers` runs.
#[must_use]
pub fn drivers_dir() -> PathBuf {
    cache_dir().join("drivers")
}
