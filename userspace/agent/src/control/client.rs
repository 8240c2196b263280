//! Asks the daemon. One connection a request: a command line asks once or twice and ends.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::net::UnixStream;

use super::{
    Approve, Deny, Ended, Reindexed, Requests, Revoked, Session, Sessions, Told, Wanted, WhoAmI,
    error::ErrorBody, kill::Kill,
};
use crate::approve;
use crate::engine::{Reloaded, Status};

/// The largest answer that is taken into memory.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Why the daemon could not be asked, or did not answer as hoped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens. A retry helps once the daemon runs.
    #[error("no weir daemon answers at {}: is it running?", path.display())]
    NoDaemon {
        /// The socket.
        path: PathBuf,
    },
    /// The socket is not for this user.
    #[error("not allowed to speak with the weir daemon at {}", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// The connection failed otherwise.
    #[error("can't speak with the weir daemon at {}: {source}", path.display())]
    Connection {
        /// The socket.
        path: PathBuf,
        /// The system's or the protocol's reason.
        source: io::Error,
    },
    /// The daemon refused the request.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: String,
        /// For people.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// The answer is not what this API gives: something else listens there, or another version.
    #[error("the weir daemon's answer makes no sense: {problem}")]
    Nonsense {
        /// What is wrong with it.
        problem: String,
    },
    /// The answer could not be put where it should go.
    #[error("can't keep the daemon's answer: {0}")]
    Sink(io::Error),
}

/// The daemon behind one socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    token: Option<SecretString>,
}

impl Client {
    /// A client of the daemon that listens at `socket`; connects with each request.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            token: None,
        }
    }

    /// Asks as the person whose sign-in this is.
    #[must_use]
    pub fn with_token(self, token: SecretString) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// Who the daemon takes this client for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.json(Method::GET, "/v1/whoami").await
    }

    /// The daemon's status.
    ///
    /// # Errors
    /// See [`ClientError`]; so for every request.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.json(Method::GET, "/v1/status").await
    }

    /// Sessions, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sessions(&self, wanted: &Wanted) -> Result<Sessions, ClientError> {
        let nonsense = |error: serde_json::Error| ClientError::Nonsense {
            problem: error.to_string(),
        };
        // Whatever is wanted goes by its name.
        let wanted = serde_json::to_value(wanted).map_err(nonsense)?;
        let wanted = wanted.as_object().into_iter().flatten();
        let query: Vec<String> = wanted
            .filter_map(|(key, value)| match value {
                Value::Null => None,
                Value::String(text) => Some(format!("{key}={}", percent(text))),
                other => Some(format!("{key}={other}")),
            })
            .collect();
        let path = format!("/v1/sessions?{}", query.join("&"));
        self.json(Method::GET, &path).await
    }

    /// Has the daemon make its index of the records anew.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reindex(&self) -> Result<Reindexed, ClientError> {
        self.json(Method::POST, "/v1/sessions/reindex").await
    }

    /// Follows a session, or all that are live, and hands on what it is told until there is no
    /// more or `take` has had enough.
    ///
    /// # Errors
    /// See [`ClientError`]; and what `take` says.
    pub async fn watch<E: From<ClientError>>(
        &self,
        id: Option<&str>,
        mut take: impl FnMut(Told) -> Result<bool, E>,
    ) -> Result<(), E> {
        let path = match id {
            Some(id) => format!("/v1/sessions/{}/watch?results=true", percent(id)),
            None => "/v1/watch".to_owned(),
        };
        let mut body = self
            .ask(Method::GET, &path, Bytes::new())
            .await?
            .into_body();
        let mut line = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.lost(error))?;
            for byte in frame.data_ref().into_iter().flatten() {
                if *byte != b'\n' {
                    line.push(*byte);
                    continue;
                }
                let told =
                    serde_json::from_slice(&line).map_err(|error| ClientError::Nonsense {
                        problem: error.to_string(),
                    })?;
                line.clear();
                if !take(told)? {
                    return Ok(());
                }
            }
            if line.len() > ANSWER_LIMIT {
                let problem = "a line of it has no end".to_owned();
                return Err(ClientError::Nonsense { problem }.into());
            }
        }
        Ok(())
    }

    /// One session by its id or the beginning of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn session(&self, id: &str) -> Result<Session, ClientError> {
        self.json(Method::GET, &format!("/v1/sessions/{}", percent(id)))
            .await
    }

    /// Copies a session's record into `sink`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn record(&self, id: &str, sink: &mut dyn Write) -> Result<(), ClientError> {
        let mut body = self
            .ask(
                Method::GET,
                &format!("/v1/sessions/{}/record", percent(id)),
                Bytes::new(),
            )
            .await?
            .into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.lost(error))?;
            if let Some(bytes) = frame.data_ref() {
                sink.write_all(bytes).map_err(ClientError::Sink)?;
            }
        }
        sink.flush().map_err(ClientError::Sink)
    }

    /// Ends a live session, by its id or the beginning of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn kill(&self, id: &str, reason: Option<&str>) -> Result<Ended, ClientError> {
        let reason = reason.map(ToOwned::to_owned);
        let path = format!("/v1/sessions/{}/kill", percent(id));
        self.post(&path, &Kill { reason }).await
    }

    /// What waits for people; `state` is `pending`, `settled` or `all`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approvals(&self, state: &str) -> Result<Requests, ClientError> {
        let path = format!("/v1/approvals?state={}", percent(state));
        self.json(Method::GET, &path).await
    }

    /// One request by its id or the beginning of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approval(&self, id: &str) -> Result<approve::Request, ClientError> {
        self.json(Method::GET, &format!("/v1/approvals/{}", percent(id)))
            .await
    }

    /// Says yes to a request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approve(&self, id: &str, yes: &Approve) -> Result<approve::Request, ClientError> {
        let path = format!("/v1/approvals/{}/approve", percent(id));
        self.post(&path, yes).await
    }

    /// Says no to a request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn deny(&self, id: &str, no: &Deny) -> Result<approve::Request, ClientError> {
        let path = format!("/v1/approvals/{}/deny", percent(id));
        self.post(&path, no).await
    }

    /// Follows what waits for people until weir stops: hands each line to `line`.
    ///
    /// # Errors
    /// See [`ClientError`], and whatever `line` says.
    pub async fn watch_approvals<E: From<ClientError>>(
        &self,
        mut line: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        /// Longest line; a request is far shorter.
        const LONGEST: usize = 4 << 20;
        let answer = self.ask(Method::GET, "/v1/approvals/watch", Bytes::new());
        let mut body = answer.await?.into_body();
        let mut received = bytes::BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.lost(error))?;
            if let Some(bytes) = frame.data_ref() {
                received.extend_from_slice(bytes);
            }
            while let Some(end) = received.iter().position(|byte| *byte == b'\n') {
                line(&received.split_to(end + 1))?;
            }
            if received.len() > LONGEST {
                let problem = "a line without an end".to_owned();
                return Err(ClientError::Nonsense { problem }.into());
            }
        }
        Ok(())
    }

    /// Has the daemon take its policies as they are now on disk.
    ///
    /// # Errors
    /// See [`ClientError`]; policies that don't load are `Refused`, and the old ones stay.
    pub async fn reload_policies(&self) -> Result<Reloaded, ClientError> {
        self.json(Method::POST, "/v1/policy/reload").await
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, ClientError> {
        let answer = self.ask(method, path, Bytes::new()).await?;
        self.read(answer).await
    }

    /// Revokes or restores an identity.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn change_identity(&self, name: &str, what: &str) -> Result<Revoked, ClientError> {
        let path = format!("/v1/identities/{}/{what}", percent(name));
        self.post(&path, &()).await
    }

    /// Gets what is at a path.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(Method::GET, path).await
    }

    /// Posts a JSON body.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Nonsense {
            problem: error.to_string(),
        })?;
        let answer = self.ask(Method::POST, path, body.into()).await?;
        self.read(answer).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        answer: Response<Incoming>,
    ) -> Result<T, ClientError> {
        let bytes = self.whole(answer).await?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Nonsense {
            problem: error.to_string(),
        })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.lost(error))?;
        // Ends with the connection; what fails on it shows in the request's own error.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "weir");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if let Some(token) = &self.token {
            let bearer = format!("Bearer {}", token.expose_secret());
            request = request.header("authorization", bearer);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ClientError::Nonsense {
                problem: error.to_string(),
            })?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| self.lost(error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let bytes = self.whole(answer).await?;
        match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(ErrorBody { error }) => Err(ClientError::Refused {
                code: error.code,
                message: error.message,
                help: error.help,
            }),
            Err(_) => Err(ClientError::Nonsense {
                problem: format!("status {status}"),
            }),
        }
    }

    async fn whole(&self, answer: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = Limited::new(answer.into_body(), ANSWER_LIMIT);
        let collected = body
            .collect()
            .await
            .map_err(|source| ClientError::Connection {
                path: self.socket.clone(),
                source: io::Error::other(source),
            })?;
        Ok(collected.to_bytes())
    }

    fn unreachable(&self, error: io::Error) -> ClientError {
        let path = self.socket.clone();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NoDaemon { path }
            }
            io::ErrorKind::PermissionDenied => ClientError::NotAllowed { path },
            _ => ClientError::Connection {
                path,
                source: error,
            },
        }
    }

    fn lost(&self, error: hyper::Error) -> ClientError {
        ClientError::Connection {
            path: self.socket.clone(),
            source: io::Error::other(error),
        }
    }

    /// The socket that is asked.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// Text as one segment or value of a URI: all but unreserved characters in their `%XX` form.
pub(super) fn percent(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    encoded.push(char::from(byte));
                }
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_t_leave_its_segment() {
        assert_eq!(
            percent("../status?x=1&y#ü"),
            "..%2Fstatus%3Fx%3D1%26y%23%C3%BC"
        );
        assert_eq!(percent("unix:alice"), "unix%3Aalice");
    }
}
