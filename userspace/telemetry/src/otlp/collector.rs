//! One path of a collector.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use secrecy::ExposeSecret;

use super::Otlp;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// No answer worth reading is longer.
const LONGEST_ANSWER: usize = 64 << 10;
/// Nobody needs more.
const MOST_HEADERS: usize = 32;

pub(super) struct Collector {
    url: String,
    otlp: Otlp,
    client: Option<Client>,
}

/// Why something is not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It may be taken another time.
    #[error("{0}")]
    Later(String),
    /// It won't.
    #[error("{0}")]
    Refused(String),
}

impl Collector {
    pub(super) fn new(otlp: &Otlp, path: &str) -> Self {
        Self {
            url: format!("{}{path}", otlp.endpoint.trim_end_matches('/')),
            otlp: otlp.clone(),
            client: None,
        }
    }

    /// Posts, and gives back the answer.
    pub(super) async fn send(&mut self, body: impl Into<Bytes>) -> Result<Bytes, Failure> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.connect()?,
        };
        let request = client
            .post(&self.url)
            .headers(self.headers()?)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(body.into());
        // The address of an error may hold what is nobody's business.
        let later = |error: reqwest::Error| Failure::Later(chain(&error.without_url()));
        let answer = request.send().await.map_err(later)?;
        let status = answer.status();
        if !status.is_success() {
            let message = format!("it answered {status}");
            // By OTLP/HTTP these, and only these, may be tried again; and credentials are renewed.
            return Err(match status {
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
                | StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN => Failure::Later(message),
                _ => Failure::Refused(message),
            });
        }
        let answer = bounded(answer).await.map_err(later)?;
        // Authorities and names may change while it fails: only what works is kept.
        self.client = Some(client);
        Ok(answer)
    }

    fn connect(&self) -> Result<Client, Failure> {
        Client::builder()
            .tls_backend_preconfigured((self.otlp.tls)().map_err(Failure::Later)?)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            // What is told goes where it was declared to go.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Failure::Later(chain(&error)))
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let Some(read) = &self.otlp.headers else {
            return Ok(HeaderMap::new());
        };
        let secret = read().map_err(Failure::Later)?;
        headers(secret.expose_secret()).map_err(|line| {
            // What stands there is secret.
            Failure::Later(format!("line {line} of the headers is not `name: value`"))
        })
    }
}

/// The headers of these lines, or the number of the line that is none.
fn headers(text: &str) -> Result<HeaderMap, usize> {
    let mut headers = HeaderMap::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let header = || {
            let (name, value) = line.split_once(':')?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        let (name, value) = header().filter(|_| number <= MOST_HEADERS).ok_or(number)?;
        headers.append(name, value);
    }
    Ok(headers)
}

async fn bounded(mut answer: Response) -> reqwest::Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(more) = answer.chunk().await? {
        if body.len() + more.len() > LONGEST_ANSWER {
            // What it says is of no use, but that it took it is known.
            return Ok(Bytes::new());
        }
        body.extend_from_slice(&more);
    }
    Ok(body.freeze())
}

/// An error and what led to it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines_and_never_shown() {
        let read = headers("Authorization: Bearer s3cret\n\nx-tenant:weir\n").unwrap();
        assert_eq!(read.len(), 2);
        assert!(!format!("{read:?}").contains("s3cret"));
        assert_eq!(headers("a: b\nno header\n"), Err(2));
        assert_eq!(headers("a b: c"), Err(1));
        assert_eq!(headers("a: b\u{1}c"), Err(1));
        assert!(headers(&"a: b\n".repeat(MOST_HEADERS + 1)).is_err());
    }
}
