//! Asking the index.

use rusqlite::{Connection, params_from_iter, types::Value};
use serde::{Deserialize, Serialize};
use weir_record::{SessionId, Summary};

use crate::{StoreError, Wanted, filter::conditions};

/// How many sessions an answer lists when not told.
const USUAL: usize = 100;
/// How many records that can't be read an answer names; it says how many there are.
const MOST_UNREADABLE: usize = 100;

/// Sessions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// Those that are wanted, as many as were asked for.
    pub sessions: Vec<Summary>,
    /// How many are, on all pages.
    pub matched: usize,
    /// Where the next page begins, if there is one: ask for those before this one.
    #[serde(default)]
    pub next: Option<SessionId>,
    /// Records that can't be read; the first hundred.
    pub unreadable: Vec<Unreadable>,
    /// Records that were not looked at yet, so that their sessions may be missing.
    #[serde(default)]
    pub pending: usize,
}

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Which, and why.
    pub problem: String,
}

pub(crate) fn list(db: &Connection, wanted: &Wanted) -> Result<Sessions, StoreError> {
    // One moment of the index for all that is asked of it.
    let moment = db.unchecked_transaction()?;
    let conditions = conditions(wanted);
    let matched: i64 = moment
        .prepare_cached(&format!(
            "SELECT count(*) FROM sessions AS s WHERE {}",
            conditions.all()
        ))?
        .query_row(params_from_iter(&conditions.values), |row| row.get(0))?;
    let limit = wanted.limit.unwrap_or(USUAL);
    let mut values = conditions.values.clone();
    let mut sql = format!(
        "SELECT s.summary FROM sessions AS s WHERE {}",
        conditions.all()
    );
    if let Some(before) = wanted.before {
        sql.push_str(" AND s.id < ?");
        values.push(Value::Text(before.to_string()));
    }
    sql.push_str(" ORDER BY s.id DESC LIMIT ?");
    // One more tells whether there is a next page.
    values.push(Value::Integer(integer(limit.saturating_add(1))));
    let mut sessions: Vec<Summary> = Vec::new();
    let mut statement = moment.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&values))?;
    while let Some(row) = rows.next()? {
        sessions.push(serde_json::from_str(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
        )?);
    }
    let more = sessions.len() > limit;
    sessions.truncate(limit);
    let next = sessions.last().filter(|_| more).map(|last| last.start.id);
    Ok(Sessions {
        next,
        sessions,
        matched: usize::try_from(matched).unwrap_or(0),
        unreadable: unreadable(&moment)?,
        pending: 0,
    })
}

fn unreadable(db: &Connection) -> Result<Vec<Unreadable>, StoreError> {
    let mut problems = db.prepare_cached("SELECT problem FROM problems ORDER BY path LIMIT ?")?;
    let problems = problems.query_map([integer(MOST_UNREADABLE)], |row| {
        Ok(Unreadable {
            problem: row.get(0)?,
        })
    })?;
    Ok(problems.collect::<Result<_, _>>()?)
}

/// The sessions whose ids begin so; no more than two are given back. No digit of an id is behind `{`.
pub(crate) fn beginning(db: &Connection, prefix: &str) -> Result<Vec<SessionId>, StoreError> {
    let mut found =
        db.prepare_cached("SELECT id FROM sessions WHERE id >= ?1 AND id < ?1 || '{' LIMIT 2")?;
    let found = found.query_map([prefix], |row| row.get::<_, String>(0))?;
    let found: Vec<String> = found.collect::<Result<_, _>>()?;
    Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
}

/// A number that SQLite takes.
pub(crate) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
