//! How many rows a statement would return or change, as the target's planner thinks, for people who
//! approve it and for policies that look at it.
//!
//! The statement is explained on a connection of weir's own, in a session that can't write, and is
//! never run. It comes as one statement of the extended protocol, so that nothing can stand behind
//! it.
//!
//! Known limits: an estimate is as good as the target's statistics; what only the agent's own
//! transaction sees isn't there. Of the session's settings it has those that it was opened with, and
//! the search path. What triggers and cascades change is in no plan, and a foreign
//! table's wrapper may ask its own server.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::time::timeout;
use weir_wire::postgres::{
    Formats, Limits, backend,
    frontend::{Bind, Execute, Parse, Sync},
};

use super::{conversation::Conversation, login::login};
use crate::{admit::Admission, upstream::UpstreamError};

/// How long people wait to be asked for its sake.
const SOON: Duration = Duration::from_secs(2);
/// Largest plan that is read, in bytes.
const LARGEST: usize = 1 << 20;

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

/// The rows that a statement would return or change. Whoever asks answers for that planning it runs
/// nothing of the agent's.
pub async fn rows(
    admission: &Admission,
    database: &str,
    settings: &[(String, String)],
    statement: Explained<'_>,
) -> Result<u64, UpstreamError> {
    let upstream = admission.upstream().to_string();
    let estimated = timeout(SOON, plan(admission, database, settings, statement));
    estimated
        .await
        .map_err(|_| UpstreamError::Silent(upstream))?
}

async fn plan(
    admission: &Admission,
    database: &str,
    settings: &[(String, String)],
    statement: Explained<'_>,
) -> Result<u64, UpstreamError> {
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
        .chain(statement.path.map(search_path))
        .collect();
    let limits = Limits::default();
    let session = login(admission, database, &settings, limits).await?;
    let upstream = admission.upstream().to_string();
    let mut peer = Conversation::new(session.io, upstream, limits);
    let question = question(statement).map_err(|error| peer.broken(&error))?;
    peer.send(&question).await?;
    let mut plan: Vec<u8> = Vec::new();
    let mut refused = None;
    loop {
        match peer.receive().await? {
            backend::Message::DataRow(row) => {
                if let Some(text) = row.column(0).flatten() {
                    plan.extend_from_slice(&text);
                }
                if plan.len() > LARGEST {
                    return Err(peer.protocol("its plan is larger than any"));
                }
            }
            backend::Message::ErrorResponse(error) => refused = Some(peer.refused(&error)),
            backend::Message::ReadyForQuery(_) => break,
            _ => {}
        }
    }
    match refused {
        Some(refused) => Err(refused),
        None => concerned(&plan).ok_or_else(|| peer.protocol("its plan is not PostgreSQL's")),
    }
}

/// The schemas as a setting, which comes after any of the agent's own. Those of temporary relations are
/// another session's.
fn search_path(schemas: &[String]) -> (String, String) {
    let lasting = schemas
        .iter()
        .filter(|schema| !schema.starts_with("pg_temp_"));
    let quoted: Vec<String> = lasting
        .map(|schema| format!("\"{}\"", schema.replace('"', "\"\"")))
        .collect();
    ("search_path".to_owned(), quoted.join(", "))
}

fn question(
    Explained {
        text,
        types,
        bind,
        path: _,
    }: Explained<'_>,
) -> Result<BytesMut, weir_wire::WireError> {
    let mut explain = b"EXPLAIN (FORMAT JSON) ".to_vec();
    explain.extend_from_slice(text);
    let mut bytes = BytesMut::new();
    Parse::new(b"", &explain, types)?.encode(&mut bytes);
    let none = Formats::None;
    let parameters: Vec<Option<&[u8]>> = bind
        .map(Bind::parameters)
        .unwrap_or_default()
        .iter()
        .map(Option::as_deref)
        .collect();
    let formats = bind.map_or(&none, Bind::parameter_formats);
    Bind::new(b"", b"", formats, &parameters, &none)?.encode(&mut bytes);
    Execute::new(b"", 0)?.encode(&mut bytes);
    Sync::new().encode(&mut bytes);
    Ok(bytes)
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
        assert_eq!(setting.1, r#""pg_catalog", "Odd, ""one""""#);
    }
}
