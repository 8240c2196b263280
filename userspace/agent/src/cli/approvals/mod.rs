//! `weir approvals`: what waits for people, and their answers.

mod told;

use super::{
    args,
    args::{Answering, ApprovalsCommand, Watching},
    error::CliError,
    login,
    out::Out,
    runtime,
};
use crate::{
    approve::{Change, Request},
    control::{Approve, Deny, For, client::ClientError},
};

/// Runs `weir approvals`.
pub(super) fn run(approvals: &args::Approvals, out: &mut Out) -> Result<(), CliError> {
    match &approvals.command {
        ApprovalsCommand::List { state, all, at } => {
            let client = login::client(&at.socket)?;
            let state = if *all { "all" } else { state.as_str() };
            let listed = runtime::small()?.block_on(client.approvals(state))?;
            if at.json {
                out.json(&listed)?;
            } else {
                told::list(&listed.requests, out)?;
            }
        }
        ApprovalsCommand::Show { id, at } => {
            let client = login::client(&at.socket)?;
            let request = runtime::small()?.block_on(client.approval(id))?;
            show(&request, at.json, out)?;
        }
        ApprovalsCommand::Approve(yes) => {
            let scope = match (yes.session, yes.shape) {
                (true, _) => For::Session,
                (_, Some(_)) => For::Shape,
                (false, None) => For::Once,
            };
            answer(&yes.answering, out, async |client, seen| {
                let yes = Approve {
                    hash: seen.hash.clone(),
                    scope,
                    minutes: yes.shape,
                    reason: yes.reason.clone(),
                };
                client.approve(&seen.id, &yes).await
            })?;
        }
        ApprovalsCommand::Deny(no) => answer(&no.answering, out, async |client, seen| {
            let no = Deny {
                hash: seen.hash.clone(),
                reason: no.reason.clone(),
            };
            client.deny(&seen.id, &no).await
        })?,
        ApprovalsCommand::Watch(watching) => watch(watching, out)?,
    }
    Ok(())
}

/// Answers what is there now, or what was seen where its hash is given.
fn answer(
    answering: &Answering,
    out: &mut Out,
    say: impl AsyncFnOnce(&crate::control::client::Client, &Request) -> Result<Request, ClientError>,
) -> Result<(), CliError> {
    let Answering { id, hash, at } = answering;
    let client = login::client(&at.socket)?;
    let answered = runtime::small()?.block_on(async {
        let mut seen = client.approval(id).await?;
        if let Some(hash) = hash {
            seen.hash.clone_from(hash);
        }
        say(&client, &seen).await
    })?;
    if at.json {
        out.json(&answered)?;
    } else {
        told::answered(&answered, out)?;
    }
    Ok(())
}

fn show(request: &Request, json: bool, out: &mut Out) -> Result<(), CliError> {
    if json {
        out.json(request)?;
    } else {
        told::show(request, out)?;
    }
    Ok(())
}

fn watch(watching: &Watching, out: &mut Out) -> Result<(), CliError> {
    let at = &watching.at;
    let client = login::client(&at.socket)?;
    runtime::small()?.block_on(client.watch_approvals(|line| {
        let change: Change =
            serde_json::from_slice(line).map_err(|error| ClientError::Nonsense {
                problem: error.to_string(),
            })?;
        if at.json {
            out.json_line(&change)?;
        } else {
            told::change(&change, out)?;
        }
        out.flush()?;
        Ok(())
    }))
}
