//! What tells one state of a database's catalogue from another, asked for at a small part of what a
//! reading costs.
//!
//! A version of a row is never changed: whatever is defined anew is a new version, with the id of the
//! transaction that made it. So the state is told by how many rows each table of the catalogue has, and
//! which of them are of transactions that were not yet over when it was read first. Where the two are
//! the same, so are the rows: nothing was added, and of the older ones, which only go, none is gone.
//! Nothing is summed up, so that no two changes make up for one another, and what is rolled back is
//! never seen. Where no transaction has ended since the last look nothing is counted at all. A standby's
//! snapshot doesn't say which transactions run; there it is always counted.
//!
//! Known limits: tables of which each row is made and unmade together with one of another are not
//! looked at (`pg_depend`, `pg_index`, `pg_partitioned_table`). Whoever writes to a catalogue by hand may go unseen.

use weir_wire::postgres::backend::DataRow;

use super::reader::text;

/// How many transactions may have begun since a catalogue was read; their ids come again after twice
/// that many.
const MOST_SINCE: u64 = 1 << 30;

/// The tables that a reading depends on, and what tells the rows of each apart.
const TABLES: [(&str, &str); 17] = [
    ("pg_class", "oid"),
    ("pg_namespace", "oid"),
    ("pg_attrdef", "oid"),
    ("pg_inherits", "inhrelid::text || ' ' || inhseqno"),
    ("pg_rewrite", "oid"),
    ("pg_proc", "oid"),
    ("pg_aggregate", "aggfnoid::oid"),
    ("pg_language", "oid"),
    ("pg_type", "oid"),
    ("pg_range", "rngtypid"),
    ("pg_trigger", "oid"),
    ("pg_constraint", "oid"),
    ("pg_operator", "oid"),
    ("pg_cast", "oid"),
    ("pg_policy", "oid"),
    ("pg_amproc", "oid"),
    ("pg_statistic_ext", "oid"),
];

/// The state of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// The first transaction that was not over when the catalogue was read.
    since: u64,
    /// The database, as its oid, and the server, as when it was started.
    place: String,
    /// Which transactions are over.
    snapshot: String,
    /// A line a table.
    tables: String,
}

/// Has the question known to the server: it is planned once.
pub(super) fn preparation() -> String {
    // Every row is new that a transaction has made which was not over then.
    let table = |(table, key): (&str, &str)| {
        format!(
            " UNION ALL SELECT '{table}', count(*)::text, sha256(convert_to(string_agg({key} || ' ' || \
             xmin::text, ',') FILTER (WHERE age(xmin) <= $2), 'UTF8'))::text \
             FROM pg_catalog.{table} WHERE (SELECT moved FROM now)"
        )
    };
    let tables: String = TABLES.into_iter().map(table).collect();
    format!(
        "PREPARE weir_look (text, int) AS WITH now AS MATERIALIZED (SELECT snapshot, \
         snapshot <> $1 OR pg_is_in_recovery() AS moved \
         FROM (SELECT txid_current_snapshot()::text) s(snapshot)) \
         SELECT snapshot, oid::text, pg_postmaster_start_time()::text \
         FROM now, pg_catalog.pg_database WHERE datname = current_database(){tables}\
         UNION ALL SELECT 'pg_attribute', count(*)::text, sha256(convert_to(string_agg(\
         attrelid::text || ' ' || attnum || ' ' || xmin::text, ','), 'UTF8'))::text \
         FROM pg_catalog.pg_attribute WHERE age(xmin) <= $2 AND (SELECT moved FROM now)"
    )
}

/// The question for the state as a reading begins.
pub(super) const FIRST: &str = "EXECUTE weir_look ('', age(CAST(CAST(\
    txid_snapshot_xmin(txid_current_snapshot()) & 4294967295 AS text) AS xid)))";

impl Fingerprint {
    /// The state that [`FIRST`] was answered with; `None` where it can't be.
    pub(super) fn first(rows: &[DataRow]) -> Option<Self> {
        let (first, tables) = rows.split_first()?;
        let snapshot = text(first, 0)?;
        let fingerprint = Self {
            since: oldest(&snapshot)?,
            place: format!("{} {}", text(first, 1)?, text(first, 2)?),
            snapshot,
            tables: lines(tables)?,
        };
        (!fingerprint.stands_still()).then_some(fingerprint)
    }

    /// The question for what has become of it.
    pub(super) fn question(&self) -> String {
        // A snapshot is digits, commas and colons, which was made sure of.
        format!(
            "EXECUTE weir_look ('{}', age('{}'::xid))",
            self.snapshot,
            self.since & u64::from(u32::MAX)
        )
    }

    /// Whether it is what it was, by the answer; `None` where that can't be one.
    pub(super) fn is_still(&mut self, rows: &[DataRow]) -> Option<bool> {
        let (first, tables) = rows.split_first()?;
        let snapshot = text(first, 0)?;
        let now = Self {
            since: self.since,
            place: format!("{} {}", text(first, 1)?, text(first, 2)?),
            tables: lines(tables)?,
            snapshot,
        };
        if now.place != self.place
            || oldest(&now.snapshot)?.checked_sub(self.since)? > MOST_SINCE
            || !now.stands_still() && now.tables != self.tables
            || now.stands_still() && now.snapshot != self.snapshot
        {
            return Some(false);
        }
        self.snapshot = now.snapshot;
        Some(true)
    }

    /// Whether nothing was counted.
    fn stands_still(&self) -> bool {
        self.tables.starts_with("pg_class 0 ")
    }
}

/// The first transaction that is not over in a snapshot (`xmin:xmax:running,…`).
fn oldest(snapshot: &str) -> Option<u64> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ':' | ',');
    let (oldest, _) = snapshot
        .split_once(':')
        .filter(|_| snapshot.chars().all(plain))?;
    oldest.parse().ok()
}

fn lines(rows: &[DataRow]) -> Option<String> {
    if rows.len() != TABLES.len() + 1 {
        return None;
    }
    let mut lines = String::new();
    for row in rows {
        // No new row has no digest.
        let digest = text(row, 2).unwrap_or_default();
        lines.push_str(&format!("{} {} {digest}\n", text(row, 0)?, text(row, 1)?));
    }
    Some(lines)
}

#[cfg(test)]
mod tests;
