//! `weir access`: just-in-time access, asked for and granted.

mod args;

use std::io;

use jiff::Timestamp;

pub(super) use self::args::Access;
use self::args::AccessCommand;
use super::{
    error::CliError,
    line::{Line, Tone},
    login, moment,
    out::Out,
    runtime,
    table::{Column, Table},
};
use crate::{
    access::{AccessRequest, Answer, State, Wanted},
    control::{AccessRequests, client::Client},
};

/// Runs `weir access`.
pub(super) fn run(asked: &Access, out: &mut Out) -> Result<(), CliError> {
    runtime::small()?.block_on(act(asked, out))
}

async fn act(asked: &Access, out: &mut Out) -> Result<(), CliError> {
    let client = login::client(&asked.socket)?;
    let now = Timestamp::now();
    let request: AccessRequest = match &asked.command {
        AccessCommand::List { all } => {
            let mut listed: AccessRequests = client.get("/v1/access").await?;
            if !all {
                let is_open =
                    |one: &AccessRequest| matches!(one.standing(now), "waiting" | "granted");
                listed.requests.retain(is_open);
            }
            return if asked.json {
                Ok(out.json(&listed)?)
            } else {
                Ok(table(&listed.requests, now, out)?)
            };
        }
        AccessCommand::Request {
            target,
            actions,
            time,
            reason,
            subject,
        } => {
            let wanted = Wanted {
                target: target.clone(),
                actions: actions.clone(),
                seconds: *time,
                reason: reason.clone(),
                subject: subject.clone(),
            };
            client.post("/v1/access", &wanted).await?
        }
        AccessCommand::Show { id } => client.get(&path(id, "")).await?,
        AccessCommand::Approve { id } => answer(&client, id, &Answer::Approve).await?,
        AccessCommand::Deny { id, reason } => {
            let reason = reason.clone();
            answer(&client, id, &Answer::Deny { reason }).await?
        }
        AccessCommand::Revoke { id, reason } => {
            let reason = reason.clone();
            answer(&client, id, &Answer::Revoke { reason }).await?
        }
    };
    if asked.json {
        return Ok(out.json(&request)?);
    }
    Ok(story(&request, now, out)?)
}

async fn answer(client: &Client, id: &str, answer: &Answer) -> Result<AccessRequest, CliError> {
    Ok(client.post(&path(id, "/answer"), answer).await?)
}

/// Ids are letters and digits; anything else is none, and is not let into the path.
fn path(id: &str, rest: &str) -> String {
    let plain: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("/v1/access/{plain}{rest}")
}

fn table(requests: &[AccessRequest], now: Timestamp, out: &mut Out) -> io::Result<()> {
    if requests.is_empty() {
        return out.line(&Line::of(Tone::Dim, "no access requests"));
    }
    let mut table = Table::new([
        Column::text("id"),
        Column::text("asked"),
        Column::text("by"),
        Column::text("for"),
        Column::text("target"),
        Column::text("actions"),
        Column::text("state"),
        Column::text("reason"),
    ]);
    for request in requests {
        table.row([
            Line::of(Tone::Key, &request.id),
            Line::plain(moment::second(request.asked)),
            Line::plain(&request.requester),
            Line::plain(&request.subject),
            Line::plain(&request.target),
            Line::plain(request.actions.join(", ")),
            standing(request, now),
            Line::plain(&request.reason),
        ]);
    }
    table.print(out)
}

fn standing(request: &AccessRequest, now: Timestamp) -> Line {
    let word = request.standing(now);
    match (word, request.until()) {
        ("granted", Some(until)) => {
            Line::of(Tone::Good, word).text(format!(" until {}", moment::second(until)))
        }
        ("waiting", _) => Line::of(Tone::Warn, word),
        ("denied" | "revoked", _) => Line::of(Tone::Bad, word),
        _ => Line::of(Tone::Dim, word),
    }
}

fn story(request: &AccessRequest, now: Timestamp, out: &mut Out) -> io::Result<()> {
    let label = |name: &str| Line::of(Tone::Dim, format!("{name:<9}"));
    let lasts = moment::duration(i64::from(request.seconds) * 1_000_000);
    out.line(&label("request").and(Tone::Key, &request.id))?;
    out.line(&label("state").join(standing(request, now)))?;
    out.line(&label("by").text(&request.requester))?;
    out.line(&label("for").text(&request.subject))?;
    out.line(&label("target").text(&request.target))?;
    out.line(&label("actions").text(request.actions.join(", ")))?;
    out.line(&label("grants").text(request.templates.join(", ")))?;
    out.line(&label("lasts").text(lasts))?;
    out.line(&label("reason").text(&request.reason))?;
    match &request.state {
        State::Waiting => Ok(()),
        State::Granted { by, at, .. } => {
            out.line(&label("answer").text(format!("{by}, {}", moment::second(*at))))
        }
        State::Denied { by, at, reason } | State::Revoked { by, at, reason } => {
            out.line(&label("answer").text(format!("{by}, {}: {reason}", moment::second(*at))))
        }
    }
}
