//! Changing: what is refused, how the agent is told, and what the database knows of it.

use anyhow::Result;

use super::super::play::Play;
use super::super::report::{Proof, proof};
use super::super::rows::last_table;

const COUNT: &str = "SELECT count(*) FROM orders";

pub(super) fn destroy(play: &mut Play) -> Result<()> {
    let drop = format!("DROP DATABASE {}", play.stage.postgres.database());
    let said = play.agent("127.0.0.1", &[&drop, COUNT])?;
    explained(
        play,
        &said.text,
        "no-destroy",
        "DROP and TRUNCATE remove data",
    );
    play.refused = record(&said.text);
    goes_on(play, &said.text)?;
    never_came(play, "DROP DATABASE")
}

pub(super) fn bulk_write(play: &mut Play) -> Result<()> {
    let before = play.stage.postgres.psql_as_superuser(COUNT)?;
    let said = play.agent("127.0.0.1", &["DELETE FROM orders", COUNT])?;
    explained(play, &said.text, "no-bulk-write", "this changes every row");
    goes_on(play, &said.text)?;
    let after = play.stage.postgres.psql_as_superuser(COUNT)?;
    play.report.claim(
        "the rows are still there",
        proof(before == after && after != "0", || {
            format!("there were {before}, now {after}")
        }),
    );
    never_came(play, "DELETE")
}

/// An error of the database's own kind that names the rule, the reason and the record.
fn explained(play: &mut Play, text: &str, rule: &str, reason: &str) {
    let parts = ["ERROR:", rule, reason, "record "];
    let missing = parts.iter().find(|part| !text.contains(**part));
    play.report.claim(
        &format!("the refusal is a PostgreSQL error with rule {rule}, reason and record"),
        proof(missing.is_none(), || {
            format!("it lacks {}", missing.unwrap_or(&""))
        }),
    );
}

/// The session that a refusal names as its record.
fn record(text: &str) -> Option<String> {
    let (_, after) = text.split_once("record ")?;
    after
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .map(str::to_owned)
}

/// The statement after the refused one, in the same session, was answered.
fn goes_on(play: &mut Play, text: &str) -> Result<()> {
    let count = play.stage.postgres.psql_as_superuser(COUNT)?;
    let answered: Proof = proof(last_table(text) == [count], || {
        "it was not answered".to_owned()
    });
    play.report.claim(
        "the next statement of the same session is answered",
        answered,
    );
    Ok(())
}

/// Nothing that begins so reached the database: by its own log, which has everything else.
fn never_came(play: &mut Play, start: &str) -> Result<()> {
    let received = play.stage.postgres.received()?;
    let came = received
        .iter()
        .any(|statement| statement.to_uppercase().starts_with(start));
    let logs = received.iter().any(|statement| statement == COUNT);
    play.report.claim(
        &format!("the database never received the {start}"),
        proof(!came && logs, || {
            "its log says otherwise, or nothing".to_owned()
        }),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_refusal_names_its_record() {
        let text =
            "ERROR:  weir: no\nDETAIL:  rule r, policy 87c0, record 06gzvxq2q5hnbkc6#1\n count\n";
        assert_eq!(super::record(text).as_deref(), Some("06gzvxq2q5hnbkc6"));
        assert_eq!(super::record("ERROR:  no"), None);
    }
}
