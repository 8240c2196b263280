//! How many rows a statement would return or change, as the target's planner thinks, for people who
//! approve it and for policies that look at it.
//!
//! Statements are explained on a connection of weir's own, in a session that can't write, and are never
//! run. Each comes as one statement of the extended protocol, so that nothing can stand behind it, and in a
//! transaction of its own that is rolled back, so that nothing of it is left for the next.
//!
//! Known limits: an estimate is as good as the target's statistics; what only the agent's own
//! transaction sees isn't there. Of the session's settings it has those that it was opened with, and
//! the search path. What triggers and cascades change is in no plan, and a foreign
//! table's wrapper may ask its own server.

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use weir_wire::{
    WireError,
    postgres::{
        Formats,
        backend::{self, TransactionStatus},
        frontend::{Bind, Execute, Parse, Query, Sync},
    },
};

use super::conversation::Conversation;
use crate::{admit::Admission, upstream::UpstreamError};

/// Largest plan that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Takes the schemas for the transaction under way alone.
const LOOKS_IN: &[u8] = b"SELECT pg_catalog.set_config('search_path', $1, true)";

/// What is explained.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// One query or change of rows.
    pub text: &'a Bytes,
    /// The types that its parameters were declared with.
    pub types: &'a [u32],
    /// The message that has their values.
    pub bind: Option<&'a Bind>,
    /// The schemas that its names are looked for in, where that is known.
    pub path: Option<&'a [String]>,
}

/// A connection to a target's planner, which waits for a statement. It belongs to the one session that it
/// was opened for: what it logs in with, and where, is that session's.
pub struct Planner(Conversation);

impl Planner {
    /// Logs in, with the start-up parameters that the session was opened with.
    pub async fn open(
        admission: &Admission,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Self, UpstreamError> {
        let own = [
            ("application_name", "weir estimate"),
            ("client_encoding", "UTF8"),
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "1500"),
        ];
        let is_own = |name: &str| own.iter().any(|(own, _)| name.eq_ignore_ascii_case(own));
        let settings: Vec<(String, String)> = settings
            .iter()
            .filter(|(name, _)| !is_own(name))
            .cloned()
            .chain(own.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect();
        let peer = Conversation::open(admission, database, &settings).await?;
        Ok(Self(peer))
    }

    /// The rows that a statement would return or change, or why the target doesn't tell, and the
    /// connection for the next statement. Whoever asks answers for that planning it runs nothing of the
    /// agent's.
    ///
    /// An error leaves no connection: it was closed, or it isn't clear what the next answer would answer.
    pub async fn rows(
        mut self,
        statement: Explained<'_>,
    ) -> Result<(Self, Result<u64, UpstreamError>), UpstreamError> {
        let Self(peer) = &mut self;
        let (question, ends) = question(statement).map_err(|error| peer.broken(&error))?;
        peer.send(&question).await?;
        let mut plan: Vec<u8> = Vec::new();
        let mut complete = false;
        let mut refused = None;
        let mut ended = 0;
        while ended < ends {
            match peer.receive().await? {
                backend::Message::DataRow(row) => {
                    // The plan is the last result.
                    if std::mem::take(&mut complete) {
                        plan.clear();
                    }
                    if let Some(text) = row.column(0).flatten() {
                        plan.extend_from_slice(&text);
                    }
                    if plan.len() > LARGEST {
                        return Err(peer.protocol("its plan is larger than any"));
                    }
                }
                backend::Message::CommandComplete(_) => complete = true,
                backend::Message::ErrorResponse(error) => {
                    // The first is the one that says why.
                    refused.get_or_insert_with(|| peer.refused(&error));
                }
                backend::Message::ReadyForQuery(ready) => {
                    ended += 1;
                    if ended == ends && ready.status() != TransactionStatus::Idle {
                        return Err(peer.protocol("its transaction does not end"));
                    }
                }
                _ => {}
            }
        }
        let rows = match refused {
            Some(refused) => Err(refused),
            None => concerned(&plan).ok_or_else(|| peer.protocol("its plan is not PostgreSQL's")),
        };
        Ok((self, rows))
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.0.close().await;
    }
}

/// The schemas as the setting has them. Those of temporary relations are another session's.
fn search_path(schemas: &[String]) -> String {
    let lasting = schemas
        .iter()
        .filter(|schema| !schema.starts_with("pg_temp_"));
    let quoted: Vec<String> = lasting
        .map(|schema| format!("\"{}\"", schema.replace('"', "\"\"")))
        .collect();
    quoted.join(", ")
}

/// What is sent, in one go, and how many times the target is then ready for more.
fn question(statement: Explained<'_>) -> Result<(BytesMut, u32), WireError> {
    let Explained {
        text,
        types,
        bind,
        path,
    } = statement;
    let mut bytes = BytesMut::new();
    Query::new(b"BEGIN READ ONLY")?.encode(&mut bytes);
    if let Some(path) = path {
        let schemas = search_path(path);
        Parse::new(b"", LOOKS_IN, &[])?.encode(&mut bytes);
        executed(&Formats::None, &[Some(schemas.as_bytes())], &mut bytes)?;
    }
    let mut explain = b"EXPLAIN (FORMAT JSON) ".to_vec();
    explain.extend_from_slice(text);
    Parse::new(b"", &explain, types)?.encode(&mut bytes);
    let parameters: Vec<Option<&[u8]>> = bind
        .map(Bind::parameters)
        .unwrap_or_default()
        .iter()
        .map(Option::as_deref)
        .collect();
    let formats = bind.map_or(&Formats::None, Bind::parameter_formats);
    executed(formats, &parameters, &mut bytes)?;
    Sync::new().encode(&mut bytes);
    Query::new(b"ROLLBACK")?.encode(&mut bytes);
    Ok((bytes, 3))
}

/// What was parsed last is run with these.
fn executed(
    formats: &Formats,
    parameters: &[Option<&[u8]>],
    bytes: &mut BytesMut,
) -> Result<(), WireError> {
    Bind::new(b"", b"", formats, parameters, &Formats::None)?.encode(bytes);
    Execute::new(b"", 0)?.encode(bytes);
    Ok(())
}

/// The rows that come out of a plan, or those that are changed in it, whichever are more. A rule may
/// have made several plans of a statement.
fn concerned(plan: &[u8]) -> Option<u64> {
    let plans: Value = serde_json::from_slice(plan).ok()?;
    let plans = plans.as_array().filter(|plans| !plans.is_empty())?;
    plans.iter().try_fold(0_u64, |sum, plan| {
        let top = plan.get("Plan")?;
        let returned = if is_change(top) { 0 } else { rows_of(top)? };
        sum.checked_add(returned.max(changed(top)?))
    })
}

fn is_change(plan: &Value) -> bool {
    plan.get("Node Type")
        .is_some_and(|kind| kind == "ModifyTable")
}

fn rows_of(plan: &Value) -> Option<u64> {
    plan.get("Plan Rows").and_then(Value::as_u64)
}

/// The rows that reach a change, in all of the plan. No deeper than JSON is read.
fn changed(plan: &Value) -> Option<u64> {
    let below = plan.get("Plans").and_then(Value::as_array);
    below.into_iter().flatten().try_fold(0_u64, |sum, below| {
        let relationship = below.get("Parent Relationship").and_then(Value::as_str);
        let reaches = is_change(plan) && matches!(relationship, Some("Outer" | "Member"));
        let own = if reaches { rows_of(below)? } else { 0 };
        sum.checked_add(own)?.checked_add(changed(below)?)
    })
}

#[cfg(test)]
mod tests {
    use super::{concerned, search_path};

    #[test]
    fn rows_are_those_that_reach_a_change() {
        let plan = br#"[{"Plan": {"Node Type": "ModifyTable", "Operation": "Delete", "Plan Rows": 0,
            "Plans": [{"Node Type": "Result", "Parent Relationship": "InitPlan", "Plan Rows": 9},
                      {"Node Type": "Append", "Parent Relationship": "Outer", "Plan Rows": 41}]}}]"#;
        assert_eq!(concerned(plan), Some(41));
    }

    #[test]
    fn a_change_below_a_query_that_returns_less_counts() {
        let plan = br#"[{"Plan": {"Node Type": "Limit", "Plan Rows": 1, "Plans": [
            {"Node Type": "ModifyTable", "Parent Relationship": "InitPlan", "Plan Rows": 5000, "Plans": [
                {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Plan Rows": 5000}]},
            {"Node Type": "CTE Scan", "Parent Relationship": "Outer", "Plan Rows": 5000}]}}]"#;
        assert_eq!(concerned(plan), Some(5000));
    }

    #[test]
    fn a_query_counts_what_it_returns_and_a_rule_all_that_it_makes() {
        let scan = br#"[{"Plan": {"Node Type": "Limit", "Plan Rows": 10, "Plans": [
            {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Plan Rows": 100000}]}}]"#;
        assert_eq!(concerned(scan), Some(10));
        let ruled = br#"[{"Plan": {"Node Type": "Seq Scan", "Plan Rows": 3}},
                         {"Plan": {"Node Type": "ModifyTable", "Plans": [
            {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Plan Rows": 4}]}}]"#;
        assert_eq!(concerned(ruled), Some(7));
    }

    #[test]
    fn what_is_no_plan_tells_nothing() {
        for wrong in [
            &b""[..],
            b"[]",
            b"{}",
            br#"["Query rewrites to nothing"]"#,
            br#"[{"Plan": {"Node Type": "Seq Scan"}}]"#,
            br#"[{"Plan": {"Node Type": "Seq Scan", "Plan Rows": -3}}]"#,
            br#"[{"Plan": {"Node Type": "ModifyTable", "Plans": [
                {"Node Type": "Seq Scan", "Parent Relationship": "Outer"}]}}]"#,
        ] {
            assert_eq!(concerned(wrong), None);
        }
    }

    #[test]
    fn the_search_path_is_quoted_and_leaves_out_temporary_schemas() {
        let path = ["pg_temp_3", "pg_catalog", "Odd, \"one\""].map(str::to_owned);
        let setting = search_path(&path);
        assert_eq!(setting, r#""pg_catalog", "Odd, ""one""""#);
    }
}
