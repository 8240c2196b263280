//! Asks the daemon. One connection a request: a command line asks once or twice and ends.

mod approvals;
mod error;
mod sessions;

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

pub use self::error::ClientError;
use super::{Revoked, WhoAmI, error::ErrorBody};
use crate::engine::{Reloaded, Status};

/// The largest answer that is taken into memory.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

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
