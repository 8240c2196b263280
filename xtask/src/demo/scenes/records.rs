//! What weir kept of it all.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::super::play::Play;
use super::super::report::{Proof, proof};
use super::queries::unseen;
use crate::interrupt;

/// How long after psql's end its session may take to be ended on record.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

pub(super) fn list(play: &mut Play) -> Result<()> {
    let sessions = ended(play)?;
    let said = play.weir(&["sessions", "list"])?;
    let governed: Vec<&Value> = sessions.iter().filter(|one| is_governed(one)).collect();
    let known = |one: &&Value| {
        text(one, "/start/subject") == "workload:demo-agent"
            && one.pointer("/start/process/uid").and_then(Value::as_u64) == Some(65534)
            && said.text.contains(text(one, "/start/id"))
    };
    let (opened, found) = (play.sessions, governed.len());
    play.report.claim(
        &format!("each of the agent's {opened} sessions is there, under its identity"),
        proof(found == opened && governed.iter().all(known), || {
            format!("{found} are")
        }),
    );
    let port = play.stage.bait.port();
    let refused = |host: &str| {
        let there = format!("{host}:{port}");
        sessions.iter().any(|one| {
            text(one, "/start/destination") == there
                && text(one, "/end/rule") == "undeclared-destination"
        })
    };
    play.report.claim(
        "what it dialled beside them is there too, as refused",
        proof(refused("127.0.0.1") && refused("[::1]"), || {
            "it isn't".to_owned()
        }),
    );
    Ok(())
}

pub(super) fn show(play: &mut Play) -> Result<()> {
    let id = play
        .refused
        .clone()
        .context("no refusal named its record")?;
    let said = play.weir(&["sessions", "show", &id])?;
    let parts = ["DROP DATABASE", "no-destroy", "orders-db", "psql"];
    let missing = parts.iter().find(|part| !said.text.contains(**part));
    play.report.claim(
        "it says who asked for what, where, and which rule refused it",
        proof(said.status.success() && missing.is_none(), || {
            format!("it lacks {}", missing.unwrap_or(&"success"))
        }),
    );
    Ok(())
}

pub(super) fn replay(play: &mut Play) -> Result<()> {
    let id = first_masked(play)?;
    let said = play.weir(&["sessions", "replay", &id])?;
    let asked = "SELECT id, name, email, card_number FROM people ORDER BY id LIMIT 5";
    let whole = said.status.success()
        && said.text.contains(asked)
        && !play.masked.is_empty()
        && play.masked.iter().all(|cell| said.text.contains(cell));
    play.report.claim(
        "it has what was asked, and the masks that the agent saw",
        proof(whole, || "some of it is missing".to_owned()),
    );
    play.report
        .claim("it has no clear value", unseen(play, &said.text));
    let kept = kept(play, asked)?;
    play.report.claim("nor has any record on disk", kept);
    let secret = secret(play)?;
    play.report.claim(
        "the database's password is in no output, record or log",
        secret,
    );
    Ok(())
}

pub(super) fn status(play: &mut Play) -> Result<()> {
    let said = play.weir(&["status"])?;
    let parts = ["demo", "orders-db", "interception"];
    play.report.claim(
        "it says what it governs",
        proof(
            said.status.success() && parts.iter().all(|part| said.text.contains(part)),
            || "something is missing".to_owned(),
        ),
    );
    Ok(())
}

/// All sessions, newest first, once each has ended.
fn ended(play: &Play) -> Result<Vec<Value>> {
    let since = Instant::now();
    loop {
        interrupt::check()?;
        let listed = play
            .stage
            .weir
            .json(&["sessions", "list", "--limit", "1000"])?;
        let sessions = listed.get("sessions").and_then(Value::as_array);
        let sessions = sessions.context("`weir sessions list --json` lists no sessions")?;
        if sessions
            .iter()
            .all(|one| one.get("end").is_some_and(|end| !end.is_null()))
        {
            return Ok(sessions.clone());
        }
        if since.elapsed() > ENDED_WITHIN {
            bail!("a session has no end on record, though its psql ended {ENDED_WITHIN:?} ago");
        }
        thread::sleep(POLL);
    }
}

/// The first session in which anything was masked.
fn first_masked(play: &Play) -> Result<String> {
    let masks = |one: &&Value| {
        one.get("masked")
            .and_then(Value::as_u64)
            .is_some_and(|n| n > 0)
    };
    let sessions = ended(play)?;
    let first = sessions
        .iter()
        .rev()
        .find(masks)
        .context("nothing was masked in any session")?;
    Ok(text(first, "/start/id").to_owned())
}

fn is_governed(session: &Value) -> bool {
    text(session, "/start/target") == "orders-db"
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// All that is in the records, in the clear: the files are compressed, and weir reads nothing but
/// what is in them.
fn unpacked(play: &Play) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for session in ended(play)? {
        let id = text(&session, "/start/id");
        let mut held = String::new();
        for args in [
            &["sessions", "show", id, "--json"][..],
            &["sessions", "replay", id],
        ] {
            held += &play.stage.weir.command(args).run_ok()?.stdout_text();
        }
        texts.push((id.to_owned(), held));
    }
    Ok(texts)
}

/// They hold the statement, so they can be read like this, and no value.
fn kept(play: &Play, asked: &str) -> Result<Proof> {
    let mut has_statement = false;
    for (id, held) in unpacked(play)? {
        has_statement |= held.contains(asked);
        if let Err(found) = unseen(play, &held) {
            return Ok(Err(format!("{id}: {found}")));
        }
    }
    Ok(proof(has_statement, || {
        "no record holds the statement, so this shows nothing".to_owned()
    }))
}

fn secret(play: &Play) -> Result<Proof> {
    let password = play.stage.postgres.app_password();
    let log = play.stage.weir.log()?;
    let mut leaks = Vec::new();
    if play.transcript.contains(password) {
        leaks.push("an output".to_owned());
    }
    if log.is_empty() || log.contains(password) {
        leaks.push("weir's log, or that is empty".to_owned());
    }
    for (id, held) in unpacked(play)? {
        if held.contains(password) {
            leaks.push(id);
        }
    }
    for path in play.stage.records()? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if String::from_utf8_lossy(&bytes).contains(password) {
            leaks.push(path.display().to_string());
        }
    }
    Ok(proof(leaks.is_empty(), || {
        format!("it is in {}", leaks.join(", "))
    }))
}
