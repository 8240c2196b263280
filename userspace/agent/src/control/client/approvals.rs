//! What waits for people: seen, answered, followed.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;

use super::{Client, ClientError, percent};
use crate::{
    approve,
    control::{Approve, Deny, Requests},
};

impl Client {
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
}
