//! An HTTP endpoint: batches by POST.
//!
//! What the endpoint takes with 2xx it has. 400, 413, 415 and 422 are of what was sent: the batch is
//! halved until the event is found that can't be taken, and that one is parked. Everything else,
//! refused credentials among it, is an outage and waited out.

use std::{fs, path::PathBuf, time::Duration};

use reqwest::{Client, StatusCode, header, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, HttpFormat};
use crate::{feed::Event, status::in_a_line, trust};

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// No token is as long.
const LONGEST_TOKEN: u64 = 64 << 10;

#[derive(Debug)]
pub(crate) struct Http {
    url: String,
    format: HttpFormat,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    client: Option<Client>,
}

impl Http {
    pub(super) fn new(
        url: &str,
        format: HttpFormat,
        token_file: Option<PathBuf>,
        ca: Option<PathBuf>,
    ) -> Self {
        Self {
            url: url.to_owned(),
            format,
            token_file,
            ca,
            client: None,
        }
    }

    pub(super) async fn deliver(&mut self, events: &[Event]) -> Result<(), Failure> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.connect()?,
        };
        let (kind, body) = body(self.format, events);
        let mut request = client
            .post(&self.url)
            .header(header::CONTENT_TYPE, kind)
            .body(body);
        if let Some(token) = self.token()? {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = request.send().await;
        // The address of an error may hold what is nobody's business.
        let answer = answer.map_err(|error| Failure::Later(in_a_line(&error.without_url())))?;
        let status = answer.status();
        if status.is_success() {
            self.client = Some(client);
            return Ok(());
        }
        let message = format!("it answered {status}");
        // Authorities and names may change while it fails.
        self.client = None;
        Err(match status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Failure::Refused(message),
            _ => Failure::Later(message),
        })
    }

    fn connect(&self) -> Result<Client, Failure> {
        let later = |why: String| Failure::Later(why);
        let config = trust::client(self.ca.as_deref(), None);
        let config = config.map_err(|error| later(error.to_string()))?;
        Client::builder()
            .tls_backend_preconfigured(config)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // A batch and its token go where they were declared to go.
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| later(in_a_line(&error)))
    }

    /// Read each time: tokens are renewed.
    fn token(&self) -> Result<Option<SecretString>, Failure> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let read = fs::metadata(path).and_then(|meta| {
            if meta.len() > LONGEST_TOKEN {
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
            fs::read_to_string(path)
        });
        let text = read.map_err(|error| {
            Failure::Later(format!("can't read the token {}: {error}", path.display()))
        })?;
        Ok(Some(SecretString::from(text.trim_end().to_owned())))
    }
}

fn body(format: HttpFormat, events: &[Event]) -> (&'static str, String) {
    let lines: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
    match format {
        HttpFormat::Lines => ("application/x-ndjson", lines.join("\n") + "\n"),
        HttpFormat::Array => ("application/json", format!("[{}]", lines.join(","))),
    }
}
