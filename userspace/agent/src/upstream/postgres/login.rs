//! From a dialled socket to a session of the target's own: TLS, start-up, authentication with the
//! injected credential.
//!
//! Source: PostgreSQL's documentation, 55.2.1 "Start-up" and 55.3 "SASL Authentication"; RFC 5802
//! and RFC 7677 for SCRAM-SHA-256, RFC 5929 for `tls-server-end-point`.

use bytes::BytesMut;
use postgres_protocol::authentication::{
    md5_hash,
    sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use weir_wire::postgres::{
    EncryptionAnswer, Limits, ProtocolVersion, Startup, StartupFrame,
    backend::{
        self, AuthenticationRequest, BackendKeyData, NoticeResponse, ParameterStatus,
        TransactionStatus,
    },
    frontend::Password,
};
use zeroize::Zeroizing;

use super::conversation::Conversation;
use crate::{
    admit::Admission,
    config::UpstreamTls,
    tls::{Connector, Plain},
    upstream::{PATIENCE, UpstreamError, certificate_name, dial, postgres::Sink},
};

/// Most settings that a target may report before its session begins; PostgreSQL reports some 15.
const MOST_PARAMETERS: usize = 256;
/// Most bytes of its notices that are kept until then; PostgreSQL has one, of a name that it cuts.
const MOST_NOTICED: usize = 64 * 1024;

/// A session with the target, ready for its first command.
pub struct Login {
    /// The connection.
    pub io: Plain,
    /// What was read beyond the start-up.
    pub received: BytesMut,
    /// The only way to send it anything.
    pub sink: Sink,
    /// The settings that it reported.
    pub parameters: Vec<ParameterStatus>,
    /// What it noticed of what was asked for, or had its own code say to whoever logs in.
    pub notices: Vec<NoticeResponse>,
    /// What cancels its statements; never shown to the agent.
    pub key: Option<BackendKeyData>,
    /// Always idle, unless the server is a strange one.
    pub status: TransactionStatus,
}

/// Where a connection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// On the thread that dials it alone, which may have its bytes moved by what it has for that.
    Here,
    /// On any.
    Anywhere,
}

/// Dials the admitted target and logs in to `database` with its credential. `settings` are the
/// start-up parameters to ask for, other than `user` and `database`.
pub async fn login(
    admission: &Admission,
    (database, settings): (&str, &[(String, String)]),
    limits: Limits,
    used: Used,
) -> Result<Login, UpstreamError> {
    let upstream = admission.upstream().to_string();
    let silent = || UpstreamError::Silent(upstream.clone());
    let plain = open(admission, used).await?;
    let conversation = Conversation::new(plain, upstream.clone(), limits);
    timeout(PATIENCE, start(conversation, admission, database, settings))
        .await
        .map_err(|_| silent())?
}

/// Dials, and secures the connection as the target's configuration demands.
pub(super) async fn open(admission: &Admission, used: Used) -> Result<Plain, UpstreamError> {
    let upstream = admission.upstream();
    let unreachable = |source| UpstreamError::Unreachable {
        upstream: upstream.to_string(),
        source,
    };
    let plain = |socket| match used {
        Used::Here => Plain::socket(socket).settle().map_err(unreachable),
        Used::Anywhere => Ok(Plain::socket(socket)),
    };
    let mut socket = dial(upstream, admission.namespace()).await?;
    let UpstreamTls::Verify {
        ca,
        server_name,
        hostname,
    } = &admission.service().tls
    else {
        return plain(socket);
    };
    let tls = |source| UpstreamError::Tls {
        upstream: upstream.to_string(),
        source,
    };
    let name = server_name
        .clone()
        .unwrap_or_else(|| certificate_name(upstream));
    let connector = Connector::new(ca.as_deref(), &name, *hostname).map_err(tls)?;
    let answer = timeout(PATIENCE, ask_for_tls(&mut socket))
        .await
        .map_err(|_| UpstreamError::Silent(upstream.to_string()))?
        .map_err(unreachable)?;
    if EncryptionAnswer::to_ssl_request(answer) != Some(EncryptionAnswer::Accepted) {
        return Err(UpstreamError::NoTls(upstream.to_string()));
    }
    timeout(PATIENCE, connector.connect(plain(socket)?))
        .await
        .map_err(|_| UpstreamError::Silent(upstream.to_string()))?
        .map_err(tls)
}

/// Exactly one byte is read: anything that a man in the middle sent behind it would otherwise be
/// taken for the server's (CVE-2021-23222).
async fn ask_for_tls(socket: &mut TcpStream) -> std::io::Result<u8> {
    let mut request = BytesMut::new();
    StartupFrame::SslRequest
        .encode(&mut request)
        .map_err(std::io::Error::other)?;
    socket.write_all(&request).await?;
    socket.read_u8().await
}

async fn start(
    mut peer: Conversation,
    admission: &Admission,
    database: &str,
    settings: &[(String, String)],
) -> Result<Login, UpstreamError> {
    let credential = &admission.service().credential;
    let mut parameters = vec![
        ("user".to_owned(), credential.user.clone()),
        ("database".to_owned(), database.to_owned()),
    ];
    parameters.extend_from_slice(settings);
    let mut startup = BytesMut::new();
    let packet = StartupFrame::Startup(Startup {
        version: ProtocolVersion::V3_0,
        parameters,
    });
    packet
        .encode(&mut startup)
        .map_err(|error| peer.broken(&error))?;
    peer.send(&startup).await?;
    authenticate(&mut peer, &credential.user, &credential.password.read()?).await?;

    let (mut reported, mut key) = (Vec::new(), None);
    let (mut notices, mut noticed) = (Vec::new(), 0);
    loop {
        match peer.receive().await? {
            backend::Message::ParameterStatus(status) if reported.len() < MOST_PARAMETERS => {
                reported.push(status);
            }
            backend::Message::BackendKeyData(data) => {
                // It outlives what it was read into.
                let own = BackendKeyData::new(data.pid(), data.key());
                key = Some(own.map_err(|error| peer.broken(&error))?);
            }
            backend::Message::NoticeResponse(notice) => {
                noticed += notice.frame().raw().len();
                if noticed <= MOST_NOTICED {
                    notices.push(notice);
                }
            }
            backend::Message::ErrorResponse(error) => return Err(peer.refused(&error)),
            backend::Message::ReadyForQuery(ready) => {
                return Ok(Login {
                    io: peer.io,
                    received: peer.received,
                    sink: Sink::new(),
                    parameters: reported,
                    notices,
                    key,
                    status: ready.status(),
                });
            }
            other => return Err(peer.protocol(&format!("{} during start-up", other.name()))),
        }
    }
}

async fn authenticate(
    peer: &mut Conversation,
    user: &str,
    password: &SecretString,
) -> Result<(), UpstreamError> {
    let secret = || password.expose_secret().as_bytes();
    match request(peer).await? {
        AuthenticationRequest::Ok => return Ok(()),
        AuthenticationRequest::CleartextPassword if peer.io.is_encrypted() => {
            send_password(peer, secret()).await?;
        }
        AuthenticationRequest::CleartextPassword => {
            return Err(UpstreamError::Method {
                upstream: peer.upstream(),
                method: "the password in clear text".to_owned(),
                why: "sends over TLS only",
            });
        }
        AuthenticationRequest::Md5Password { salt } => {
            let hashed = Zeroizing::new(md5_hash(user.as_bytes(), secret(), salt));
            send_password(peer, hashed.as_bytes()).await?;
        }
        AuthenticationRequest::Sasl { mechanisms } => {
            let offered: Vec<&[u8]> = mechanisms.iter().map(AsRef::as_ref).collect();
            scram(peer, &offered, secret()).await?;
        }
        other => return Err(unsupported(peer, &other)),
    }
    match request(peer).await? {
        AuthenticationRequest::Ok => Ok(()),
        other => Err(unsupported(peer, &other)),
    }
}

async fn scram(
    peer: &mut Conversation,
    offered: &[&[u8]],
    password: &[u8],
) -> Result<(), UpstreamError> {
    let offers = |mechanism: &str| offered.contains(&mechanism.as_bytes());
    let (mechanism, binding) = match peer.io.end_point() {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => (
            SCRAM_SHA_256_PLUS,
            ChannelBinding::tls_server_end_point(hash.to_vec()),
        ),
        // Says that weir could have bound the channel: a man in the middle that struck the PLUS
        // mechanism from the offer is found out.
        Some(_) if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        _ => {
            let all = offered.join(&b", "[..]);
            return Err(UpstreamError::Method {
                upstream: peer.upstream(),
                method: String::from_utf8_lossy(&all).into_owned(),
                why: "doesn't speak",
            });
        }
    };
    let upstream = peer.upstream();
    let failed = |source| UpstreamError::Scram {
        upstream: upstream.clone(),
        source,
    };
    let mut exchange = ScramSha256::new(password, binding);
    send(
        peer,
        Password::sasl_initial(mechanism.as_bytes(), exchange.message()),
    )
    .await?;
    let AuthenticationRequest::SaslContinue(challenge) = request(peer).await? else {
        return Err(peer.protocol("no SASL challenge"));
    };
    exchange.update(&challenge).map_err(failed)?;
    send(peer, Password::sasl(exchange.message())).await?;
    // The final message proves that the server knows the password, too: without it, no session.
    let AuthenticationRequest::SaslFinal(proof) = request(peer).await? else {
        return Err(peer.protocol("no SASL proof"));
    };
    exchange.finish(&proof).map_err(failed)
}

async fn send_password(peer: &mut Conversation, password: &[u8]) -> Result<(), UpstreamError> {
    send(peer, Password::new(password)).await
}

async fn send(
    peer: &mut Conversation,
    message: Result<Password, weir_wire::WireError>,
) -> Result<(), UpstreamError> {
    let message = message.map_err(|error| peer.broken(&error))?;
    peer.send(message.frame().raw()).await
}

async fn request(peer: &mut Conversation) -> Result<AuthenticationRequest, UpstreamError> {
    match peer.receive().await? {
        backend::Message::Authentication(message) => Ok(message.request().clone()),
        backend::Message::ErrorResponse(error) => Err(peer.refused(&error)),
        other => Err(peer.protocol(&format!("{} during authentication", other.name()))),
    }
}

fn unsupported(peer: &Conversation, request: &AuthenticationRequest) -> UpstreamError {
    let method = match request {
        AuthenticationRequest::Unsupported(2) => "Kerberos V5".to_owned(),
        AuthenticationRequest::Unsupported(7 | 8) => "GSSAPI".to_owned(),
        AuthenticationRequest::Unsupported(9) => "SSPI".to_owned(),
        other => format!("authentication {other:?}"),
    };
    UpstreamError::Method {
        upstream: peer.upstream(),
        method,
        why: "doesn't speak",
    }
}
