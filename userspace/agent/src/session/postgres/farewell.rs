//! Last words: how a session that ends, or never begins, reads to the agent and to the record.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use weir_policy::Refusal;
use weir_record::{End, RecordError, SessionId, SessionWriter, Side};
use weir_wire::postgres::backend::SqlState;

use super::{
    Services,
    drive::Ended,
    governed::SessionError,
    greet::{Arrival, drain, greet, send_last},
    refusal,
};
use crate::{
    config::AgentTls,
    session::{Cut, asked::Over},
    tls::Plain,
    upstream::UpstreamError,
};

/// How long an agent may take to finish what it is sending as it is told why it is in vain.
const SENDING: Duration = Duration::from_secs(2);
/// It has finished where nothing more comes for so long.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn refused(
    record: SessionWriter,
    agent: &mut Plain,
    refusal: &Refusal,
) -> Result<(), RecordError> {
    let id = *record.id();
    let message = format!(
        "{} (rule {}, policy {})",
        refusal.message, refusal.rule, refusal.version
    );
    record.end(&End::Refused {
        rule: refusal.rule.clone(),
        message: refusal.message.clone(),
    })?;
    last_word(agent, SqlState::INSUFFICIENT_PRIVILEGE, &message, &id).await;
    Ok(())
}

/// Ends the record, and tells the agent why; a target that has gone may have told it already.
pub(super) async fn goodbye(
    agent: Option<Plain>,
    record: SessionWriter,
    ended: Ended,
    told_why: bool,
) -> Result<(), RecordError> {
    let id = *record.id();
    let is_sending = matches!(
        ended,
        Ended::Failed(SessionError::TooLong {
            side: Side::Client,
            ..
        })
    );
    let (end, word) = match ended {
        Ended::Closed => (End::Closed, None),
        Ended::ClientGone => (End::ClientGone, None),
        // Drivers take the last error for the reason.
        Ended::ServerGone if told_why => (End::ServerGone, None),
        Ended::ServerGone => {
            let word = (
                SqlState::CONNECTION_FAILURE,
                "the target closed the connection".to_owned(),
            );
            (End::ServerGone, Some(word))
        }
        Ended::Shutdown => {
            let word = (SqlState::ADMIN_SHUTDOWN, "weir is shutting down".to_owned());
            (End::Shutdown, Some(word))
        }
        Ended::Cut(cut) => {
            let word = (SqlState::ADMIN_SHUTDOWN, cut.word());
            (cut.end(), Some(word))
        }
        Ended::Failed(error) => {
            tracing::warn!(session = %id, %error, "the session failed");
            let (end, code) = failure(&error);
            (end, Some((code, error.to_string())))
        }
    };
    let ended = record.end(&end);
    match (agent, word) {
        (Some(mut agent), Some((code, word))) => {
            if is_sending {
                hear_out(&mut agent, code, &word, &id).await;
            } else {
                last_word(&mut agent, code, &word, &id).await;
            }
        }
        (Some(mut agent), None) => close(&mut agent).await,
        (None, _) => {}
    }
    ended
}

/// Tells an agent why what it is still sending is in vain, and takes the rest of it. Were its connection
/// closed before, it would find that out first, and not what it was told.
async fn hear_out(agent: &mut Plain, code: SqlState, message: &str, session: &SessionId) {
    let error = refusal::fatal(code, message, Some(session));
    let heard = async {
        agent.write_all(error.frame().raw()).await?;
        agent.flush().await?;
        drain(agent, PAUSE).await;
        Ok::<_, io::Error>(())
    };
    if !matches!(timeout(SENDING, heard).await, Ok(Ok(()))) {
        tracing::debug!("the agent did not hear the last word out");
    }
    close(agent).await;
}

/// Closes a connection as a server does: by TLS it is told before it is done, which a driver would
/// else take for an attack.
pub(super) async fn close(agent: &mut Plain) {
    if let Err(error) = send_last(agent, &[]).await {
        tracing::debug!(%error, "the agent was gone already");
    }
}

/// Ends the record of a session that was ended before it had opened, and tells the agent.
pub(super) async fn killed(
    agent: Option<&mut Plain>,
    record: SessionWriter,
    killed: Cut,
) -> Result<(), RecordError> {
    let id = *record.id();
    let word = killed.word();
    record.end(&killed.end())?;
    if let Some(agent) = agent {
        last_word(agent, SqlState::ADMIN_SHUTDOWN, &word, &id).await;
    }
    Ok(())
}

/// Ends the record of a session that nobody waits for any more, and tells whoever still hears it.
pub(super) async fn over(
    agent: &mut Plain,
    record: SessionWriter,
    over: Over,
) -> Result<(), RecordError> {
    let id = *record.id();
    let word = match &over {
        Over::Shutdown => Some("weir is shutting down".to_owned()),
        Over::Cut(cut) => Some(cut.word()),
        Over::ClientGone => None,
    };
    record.end(&over.end())?;
    if let Some(word) = word {
        last_word(agent, SqlState::ADMIN_SHUTDOWN, &word, &id).await;
    }
    Ok(())
}

fn failure(error: &SessionError) -> (End, SqlState) {
    let message = error.to_string();
    match error {
        SessionError::Protocol { side, .. } => (
            End::ProtocolError {
                side: *side,
                message,
            },
            SqlState::PROTOCOL_VIOLATION,
        ),
        SessionError::Signal(Refusal { rule, message, .. }) => (
            End::PolicyChanged {
                rule: rule.clone(),
                message: message.clone(),
            },
            SqlState::QUERY_CANCELED,
        ),
        SessionError::Record(_) => (End::Error { message }, SqlState::INSUFFICIENT_RESOURCES),
        SessionError::TooMany { .. } | SessionError::TooLong { .. } => {
            (End::Error { message }, SqlState::PROGRAM_LIMIT_EXCEEDED)
        }
        SessionError::Lexing { .. } => (End::Error { message }, SqlState::FEATURE_NOT_SUPPORTED),
    }
}

pub(super) fn protocol_error(side: Side, message: &impl ToString) -> End {
    End::ProtocolError {
        side,
        message: message.to_string(),
    }
}

pub(super) async fn last_word<'a>(
    agent: &mut Plain,
    code: SqlState,
    message: &str,
    session: impl Into<Option<&'a SessionId>>,
) {
    let error = refusal::fatal(code, message, session.into());
    if let Err(error) = send_last(agent, error.frame().raw()).await {
        tracing::debug!(%error, "the agent did not hear the last word");
    }
}

/// How a target that can't be opened reads to the agent: in the target's own words where it has
/// answered, but for what it says of weir's credential, which is not the agent's to know.
pub(super) fn unreachable_word(error: &UpstreamError) -> (SqlState, String) {
    match error {
        UpstreamError::Refused { code, message, .. } if !code.starts_with("28") => {
            let code = SqlState::parse(code.as_bytes()).unwrap_or(SqlState::CONNECTION_FAILURE);
            (code, message.clone())
        }
        UpstreamError::Refused { .. } | UpstreamError::Credential(_) => {
            let word = "weir can't log in to the target; the record says why";
            (SqlState::CONNECTION_FAILURE, word.to_owned())
        }
        other if is_nobody_there(other) => (SqlState::CANNOT_CONNECT_NOW, other.to_string()),
        other => (SqlState::CONNECTION_FAILURE, other.to_string()),
    }
}

/// Whether nobody answers where a server should: a client that was given several hosts then tries the
/// next, as it would itself have found out.
fn is_nobody_there(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::Unreachable { source, .. } => matches!(
            source.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::TimedOut
        ),
        UpstreamError::Silent(_) => true,
        _ => false,
    }
}

/// Whether a connection's first bytes are those of a PostgreSQL client.
#[must_use]
pub fn is_startup(first: &[u8]) -> bool {
    let Some((&length, rest)) = first.split_first_chunk::<4>() else {
        return false;
    };
    let Some((&code, _)) = rest.split_first_chunk::<4>() else {
        return false;
    };
    let [major_high, major_low, ..] = code;
    (8..=10_000).contains(&u32::from_be_bytes(length))
        && matches!(u16::from_be_bytes([major_high, major_low]), 3 | 1234)
}

/// Tells an agent that its connection is refused, as the server itself would.
pub async fn refuse(io: TcpStream, message: &str, session: &SessionId, services: &Services) {
    let (tls, limits) = (AgentTls::Refuse, &services.limits);
    let io = Plain::socket(io);
    if let Ok(Arrival::Session(opening)) = greet(io, tls, &services.authority, "", limits).await {
        let mut agent = opening.io;
        last_word(&mut agent, SqlState::CONNECTION_REJECTED, message, session).await;
    }
}
