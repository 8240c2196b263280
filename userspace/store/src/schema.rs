//! The tables, and how a file of them is opened.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;

/// Raised with every change of the tables or of what is put into them: an index of another version
/// is made anew.
const VERSION: i64 = 3;

/// Times are microseconds since 1970. `commands` are those of a kind that came in the same second, as
/// [`groups`](crate::groups) has them.
const TABLES: &str = "
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    started INTEGER NOT NULL,
    last INTEGER NOT NULL,
    workload TEXT NOT NULL,
    subject TEXT NOT NULL,
    target TEXT,
    refused INTEGER NOT NULL,
    summary TEXT NOT NULL,
    position TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_subject ON sessions (subject, id);
CREATE INDEX sessions_target ON sessions (target, id);
CREATE INDEX sessions_workload ON sessions (workload, id);

CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions (number),
    second INTEGER NOT NULL,
    kind BLOB NOT NULL,
    seq INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    verbs TEXT NOT NULL,
    verdict TEXT NOT NULL,
    rule TEXT,
    approvers TEXT,
    policy_version TEXT NOT NULL,
    searched TEXT NOT NULL
) STRICT;
CREATE INDEX commands_kind ON commands (session, second, kind);
CREATE INDEX commands_verdict ON commands (verdict, session, last);

CREATE TABLE objects (
    command INTEGER NOT NULL REFERENCES commands (number),
    access TEXT NOT NULL,
    name TEXT NOT NULL,
    last TEXT NOT NULL,
    PRIMARY KEY (command, access, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX objects_last ON objects (last, name);

CREATE VIRTUAL TABLE texts USING fts5 (
    searched,
    content = '',
    contentless_delete = 1,
    tokenize = 'trigram case_sensitive 1'
);

CREATE TABLE problems (
    path TEXT PRIMARY KEY,
    problem TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What every connection is set to. Nothing of the file is trusted, and a crash of the host may
/// cost the last transactions, which are made again from the records.
const SETTINGS: &str = "
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA foreign_keys = OFF;
PRAGMA busy_timeout = 5000;
";

/// Opens the index to write; makes it where there is none.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    // Its journal files get the mode of the file itself.
    let made = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    made.map_err(|source| StoreError::File {
        path: path.to_owned(),
        source,
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    prepare(&db)?;
    Ok(db)
}

/// Opens the index to ask it.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.execute_batch(SETTINGS)?;
    Ok(db)
}

/// An index that is gone with the process.
pub(crate) fn in_memory() -> Result<Connection, StoreError> {
    let db = Connection::open_in_memory()?;
    prepare(&db)?;
    Ok(db)
}

fn prepare(db: &Connection) -> Result<(), StoreError> {
    db.execute_batch(SETTINGS)?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        if version != 0 {
            tracing::info!(version, "the index is of another version: it is made anew");
        }
        clear(db)?;
    }
    let made = Connection::open_in_memory()?;
    made.execute_batch(TABLES)?;
    if shape(db)? != shape(&made)? {
        return Err(StoreError::Damaged(
            "its tables are not those that weir made".to_owned(),
        ));
    }
    let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged(sound))
}

/// What tables and indexes there are, as they were made.
fn shape(db: &Connection) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let mut all = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(all.collect::<Result<_, _>>()?)
}

/// Empties the index, whatever is in it.
pub(crate) fn clear(db: &Connection) -> Result<(), StoreError> {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                  ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC";
    let names: Vec<String> = db
        .prepare(tables)?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut script = String::from("BEGIN IMMEDIATE;");
    for name in names {
        script.push_str(&format!(
            "DROP TABLE IF EXISTS \"{}\";",
            name.replace('"', "\"\"")
        ));
    }
    script.push_str(TABLES);
    script.push_str(&format!("PRAGMA user_version = {VERSION}; COMMIT;"));
    let done = db.execute_batch(&script);
    if done.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    Ok(done?)
}

/// Removes the index's files.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let path = PathBuf::from(name);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(StoreError::File { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}
