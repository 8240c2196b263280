//! The agent's side of the start-up: encryption, the startup packet, and nothing else. No password
//! is asked for: who the agent is, its cgroup has said.
//!
//! Source: PostgreSQL's documentation, 55.2.1 "Start-up", 55.2.10 "SSL Session Encryption".

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use weir_wire::{
    WireError,
    postgres::{
        CancelRequest, Decoded, EncryptionAnswer, Limits, ProtocolVersion, Startup, StartupFrame,
        backend::{NegotiateProtocolVersion, SqlState},
        decode_startup,
    },
};

use super::{cancels::KeyLength, refusal};
use crate::{
    config::AgentTls,
    tls::{Authority, Plain, TlsError},
};

/// How long an agent may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the server's `authentication_timeout` calls it too.
const TOO_SLOW: &str = "the start-up took too long";

/// What an agent came for.
pub(super) enum Arrival {
    /// A session.
    Session(Opening),
    /// To cancel another session's statement. It takes the end of its connection for the answer.
    Cancel(CancelRequest, Plain),
}

/// An agent that waits for an answer to its startup packet.
pub(super) struct Opening {
    /// The connection.
    pub io: Plain,
    /// What it sent beyond the packet.
    pub received: BytesMut,
    /// The packet.
    pub startup: Startup,
}

/// Why an agent didn't get so far. All are the agent's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetError {
    /// It vanished.
    #[error("the agent vanished during start-up: {0}")]
    Gone(#[from] io::Error),
    /// It sent what no client sends.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// It sent something in clear behind its request for TLS, or asked twice.
    #[error("{0}")]
    Order(&'static str),
    /// Its TLS handshake failed.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// It uses TLS at once and must not.
    #[error("this target speaks no TLS with the agent (`agent.tls = \"refuse\"`)")]
    TlsRefused,
    /// It must use TLS and doesn't.
    #[error("this target demands TLS of the agent (`agent.tls = \"require\"`)")]
    TlsRequired,
    /// It took too long.
    #[error("{TOO_SLOW}")]
    Slow,
}

/// Leads an agent up to its startup packet. `name` is what its TLS, if any, is terminated as.
///
/// An error that can still be told to the agent has been.
pub(super) async fn greet(
    mut plain: Plain,
    tls: AgentTls,
    authority: &Authority,
    name: &str,
    limits: &Limits,
) -> Result<Arrival, GreetError> {
    let deadline = Instant::now() + PATIENCE;
    match timeout_at(deadline, lead(&mut plain, tls, authority, name, limits)).await {
        Ok(Ok(Led::Cancel(request))) => Ok(Arrival::Cancel(request, plain)),
        Ok(Ok(Led::Startup(startup, received))) => Ok(Arrival::Session(Opening {
            io: plain,
            received,
            startup,
        })),
        Ok(Err(error)) => {
            tell(&mut plain, &error).await;
            Err(error)
        }
        Err(_) => {
            tell(&mut plain, &GreetError::Slow).await;
            Err(GreetError::Slow)
        }
    }
}

enum Led {
    Startup(Startup, BytesMut),
    Cancel(CancelRequest),
}

async fn lead(
    io: &mut Plain,
    tls: AgentTls,
    authority: &Authority,
    name: &str,
    limits: &Limits,
) -> Result<Led, GreetError> {
    let mut received = BytesMut::new();
    if begins_tls(io, &mut received).await? {
        if tls == AgentTls::Refuse {
            return Err(GreetError::TlsRefused);
        }
        let clear = std::mem::replace(io, Plain::clear(tokio::io::empty()));
        *io = authority
            .accept_at_once(clear, received.split(), name)
            .await?;
    }
    let (mut asked_tls, mut asked_gss) = (false, false);
    loop {
        match read_startup(io, &mut received, limits).await? {
            StartupFrame::SslRequest if asked_tls || io.is_encrypted() => {
                return Err(GreetError::Order("a second request for TLS"));
            }
            StartupFrame::SslRequest => {
                asked_tls = true;
                // Whatever was sent in clear behind the request would be taken for what came over
                // TLS (CVE-2021-23214).
                if !received.is_empty() {
                    return Err(GreetError::Order("data behind the request for TLS"));
                }
                if tls == AgentTls::Refuse {
                    answer(io, EncryptionAnswer::Refused.for_ssl_request()).await?;
                    continue;
                }
                answer(io, EncryptionAnswer::Accepted.for_ssl_request()).await?;
                let clear = std::mem::replace(io, Plain::clear(tokio::io::empty()));
                *io = authority.accept(clear, name).await?;
            }
            StartupFrame::GssEncRequest if asked_gss => {
                return Err(GreetError::Order("a second request for GSSAPI encryption"));
            }
            StartupFrame::GssEncRequest => {
                asked_gss = true;
                answer(io, EncryptionAnswer::Refused.for_gssenc_request()).await?;
            }
            StartupFrame::Cancel(request) => return Ok(Led::Cancel(request)),
            StartupFrame::Startup(_) if tls == AgentTls::Require && !io.is_encrypted() => {
                return Err(GreetError::TlsRequired);
            }
            StartupFrame::Startup(startup) => {
                negotiate(io, &startup).await?;
                return Ok(Led::Startup(startup, received));
            }
        }
    }
}

/// The first byte of a TLS handshake (RFC 8446, section 5.1); no startup packet is so long that it
/// begins with it.
const HANDSHAKE: u8 = 0x16;

/// Whether TLS begins without being asked for (`sslnegotiation=direct`). What was read for that stays
/// in `received`.
async fn begins_tls(io: &mut Plain, received: &mut BytesMut) -> io::Result<bool> {
    if io.read_buf(received).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(received.first() == Some(&HANDSHAKE))
}

/// The version that weir speaks with who sent `startup`: 3.2 or, with who knows nothing of it, 3.0.
fn version(startup: &Startup) -> ProtocolVersion {
    if startup.version >= ProtocolVersion::V3_2 {
        ProtocolVersion::V3_2
    } else {
        ProtocolVersion::V3_0
    }
}

/// How long a cancel key its sender can take.
pub(super) fn key_length(startup: &Startup) -> KeyLength {
    if version(startup) == ProtocolVersion::V3_2 {
        KeyLength::Long
    } else {
        KeyLength::Short
    }
}

/// A newer minor version, or options of one, are answered as a server does that doesn't know them.
async fn negotiate(io: &mut Plain, startup: &Startup) -> Result<(), GreetError> {
    let options: Vec<&[u8]> = startup
        .parameters
        .iter()
        .filter(|(name, _)| name.starts_with("_pq_."))
        .map(|(name, _)| name.as_bytes())
        .collect();
    let spoken = version(startup);
    if startup.version == spoken && options.is_empty() {
        return Ok(());
    }
    let message = NegotiateProtocolVersion::new(spoken, &options)?;
    io.write_all(message.frame().raw()).await?;
    Ok(())
}

async fn read_startup(
    io: &mut Plain,
    received: &mut BytesMut,
    limits: &Limits,
) -> Result<StartupFrame, GreetError> {
    loop {
        match decode_startup(received, limits)? {
            Decoded::Complete(frame) => return Ok(frame),
            Decoded::Incomplete { .. } => {
                if io.read_buf(received).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
        }
    }
}

async fn answer(io: &mut Plain, byte: u8) -> io::Result<()> {
    io.write_all(&[byte]).await?;
    io.flush().await
}

async fn tell(io: &mut Plain, error: &GreetError) {
    let code = match error {
        GreetError::Gone(_) | GreetError::Tls(_) | GreetError::TlsRefused => return,
        GreetError::Wire(WireError::UnsupportedVersion { .. }) => SqlState::FEATURE_NOT_SUPPORTED,
        GreetError::Wire(_) | GreetError::Order(_) => SqlState::PROTOCOL_VIOLATION,
        GreetError::TlsRequired | GreetError::Slow => SqlState::INVALID_AUTHORIZATION,
    };
    let message = refusal::fatal(code, &error.to_string(), None);
    // The agent may be gone; the record says what happened either way.
    if let Err(error) = send_last(io, message.frame().raw()).await {
        tracing::debug!(%error, "the agent did not hear why it was refused");
    }
}

/// Resolves when the agent has closed its side. What it says before the session is open, which no
/// driver does, waits.
pub(super) async fn gone(io: &mut Plain, received: &mut BytesMut) {
    const MOST: usize = 64 * 1024;
    while received.len() < MOST {
        if !matches!(io.read_buf(received).await, Ok(1..)) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Takes what nobody wants any more, until the end or a pause.
pub(super) async fn drain(io: &mut (impl AsyncRead + Unpin), pause: Duration) {
    let mut dropped = vec![0; 16 << 10];
    while matches!(timeout(pause, io.read(&mut dropped)).await, Ok(Ok(1..))) {}
}

/// Writes the last bytes of a connection and closes it, waiting a moment at most.
pub(super) async fn send_last(io: &mut Plain, bytes: &[u8]) -> io::Result<()> {
    let sent = async {
        io.write_all(bytes).await?;
        io.flush().await?;
        io.shutdown().await
    };
    match timeout(Duration::from_secs(2), sent).await {
        Ok(sent) => sent,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
