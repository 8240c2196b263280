//! Sessions: found, followed, copied, ended.

use std::io::Write;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;
use serde_json::Value;

use super::{ANSWER_LIMIT, Client, ClientError, percent};
use crate::control::{
    Ended, Prune, Pruned, Reindexed, Session, Sessions, Told, Wanted, kill::Kill,
};

impl Client {
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

    /// Has the daemon remove sessions that were kept long enough, or say which these are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn prune(&self, wanted: &Prune) -> Result<Pruned, ClientError> {
        self.post("/v1/sessions/prune", wanted).await
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
}
