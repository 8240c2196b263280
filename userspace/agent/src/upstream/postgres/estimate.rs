//! How many rows a statement would touch, as the target's planner thinks, for people who approve it.
//!
//! The statement is explained on a connection of weir's own, in a session that can't write, and is
//! never run. It comes as one statement of the extended protocol, so that nothing can stand behind
//! it.
//!
//! Known limits: an estimate is as good as the target's statistics; what only the agent's own
//! transaction sees isn't there.

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

/// The rows that a single UPDATE or DELETE would touch: its text, the types that its parameters were
/// declared with, and their values.
pub async fn rows(
    admission: &Admission,
    database: &str,
    settings: &[(String, String)],
    statement: (&Bytes, &[u32], Option<&Bind>),
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
    statement: (&Bytes, &[u32], Option<&Bind>),
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
        None => touched(&plan).ok_or_else(|| peer.protocol("its plan is not PostgreSQL's")),
    }
}

fn question(
    (text, types, bind): (&Bytes, &[u32], Option<&Bind>),
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

/// The rows that reach the plan's top, where they are changed: `Plan Rows` of what is below it.
fn touched(plan: &[u8]) -> Option<u64> {
    let plans: Value = serde_json::from_slice(plan).ok()?;
    let top = plans.get(0)?.get("Plan")?;
    if top.get("Node Type")?.as_str()? != "ModifyTable" {
        return None;
    }
    let below = top.get("Plans")?.as_array()?.iter();
    let sources = below.filter(|plan| {
        let relationship = plan.get("Parent Relationship").and_then(Value::as_str);
        matches!(relationship, Some("Outer" | "Member"))
    });
    let mut rows = sources.map(|plan| plan.get("Plan Rows").and_then(Value::as_u64));
    rows.try_fold(0_u64, |sum, rows| sum.checked_add(rows?))
}

#[cfg(test)]
mod tests {
    use super::touched;

    #[test]
    fn rows_are_those_that_reach_the_change() {
        let plan = br#"[{"Plan": {"Node Type": "ModifyTable", "Operation": "Delete", "Plan Rows": 0,
            "Plans": [{"Node Type": "Result", "Parent Relationship": "InitPlan", "Plan Rows": 9},
                      {"Node Type": "Append", "Parent Relationship": "Outer", "Plan Rows": 41}]}}]"#;
        assert_eq!(touched(plan), Some(41));
        for wrong in [
            &b""[..],
            b"[]",
            br#"[{"Plan": {"Node Type": "Seq Scan", "Plan Rows": 3}}]"#,
        ] {
            assert_eq!(touched(wrong), None);
        }
    }
}
