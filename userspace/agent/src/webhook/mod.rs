//! Tells others what waits for people, and what became of it.
//!
//! Job: each change to each receiver, in order, signed, and again where it isn't taken. A receiver
//! that is slow or away holds nobody up: what it misses beyond its queue is said to be lost, and
//! `weir approvals` has it all.
//!
//! Not its job: to take answers. Those come by the local API, from people who are known.
//!
//! Known limits: what is queued when weir stops is not sent; a receiver may get one change twice, and
//! knows it by `Weir-Delivery`.

mod body;
mod signature;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{Client, StatusCode, header::CONTENT_TYPE, redirect::Policy};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
    time::sleep,
};

use crate::{
    approve::{Approvals, Change},
    config::{CredentialError, Webhook},
    tls::{TlsError, client_config},
};

/// How many changes wait for one receiver.
const QUEUE: usize = 256;
/// How often one change is tried.
const TRIES: u32 = 8;
/// How long after the first failure; twice as long after each further one.
const FIRST: Duration = Duration::from_millis(500);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a receiver can't be told at all. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Its authority can't be used.
    #[error("webhook {url}: {source}")]
    Tls {
        /// Whose.
        url: String,
        /// Why.
        source: TlsError,
    },
    /// No client can be made.
    #[error("webhook {url}: {source}")]
    Client {
        /// Whose.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
}

/// Why one try failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the secret: {0}")]
    Secret(#[from] CredentialError),
    #[error("{0}")]
    Encode(#[from] serde_json::Error),
    /// In words without the URL, which often is a secret itself.
    #[error("{0}")]
    Send(String),
    #[error("it answers {0}")]
    Status(StatusCode),
}

impl Failed {
    /// Whether trying again may help.
    fn is_passing(&self) -> bool {
        match self {
            Self::Secret(_) | Self::Send(_) => true,
            Self::Encode(_) => false,
            Self::Status(status) => {
                status.is_server_error()
                    || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
            }
        }
    }
}

/// Tells all receivers, as long as what is given back lives.
///
/// # Errors
/// When one can't be told at all.
pub fn tell_all(webhooks: &[Webhook], approvals: &Approvals) -> Result<JoinSet<()>, WebhookError> {
    let mut tasks = JoinSet::new();
    for webhook in webhooks {
        let receiver = Receiver::new(webhook)?;
        let (queue, queued) = mpsc::channel(QUEUE);
        tasks.spawn(collect(approvals.changes(), queue, receiver.name()));
        tasks.spawn(receiver.deliver(queued));
    }
    Ok(tasks)
}

async fn collect(
    mut changes: broadcast::Receiver<Change>,
    queue: mpsc::Sender<Change>,
    receiver: String,
) {
    loop {
        match changes.recv().await {
            Ok(change) => {
                if queue.try_send(change).is_err() {
                    tracing::error!(receiver, "a webhook is too slow: a change is not told");
                }
            }
            Err(broadcast::error::RecvError::Lagged(count)) => {
                tracing::error!(
                    receiver,
                    count,
                    "a webhook is too slow: changes are not told"
                );
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

struct Receiver {
    webhook: Webhook,
    client: Client,
}

impl Receiver {
    fn new(webhook: &Webhook) -> Result<Self, WebhookError> {
        let url = || webhook.url.host_str().unwrap_or_default().to_owned();
        let tls = client_config(webhook.ca.as_deref())
            .map_err(|source| WebhookError::Tls { url: url(), source })?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(|source| WebhookError::Client { url: url(), source })?;
        Ok(Self {
            webhook: webhook.clone(),
            client,
        })
    }

    /// Its host: the rest of the URL may be a secret.
    fn name(&self) -> String {
        self.webhook.url.host_str().unwrap_or_default().to_owned()
    }

    async fn deliver(self, mut queued: mpsc::Receiver<Change>) {
        while let Some(change) = queued.recv().await {
            let change = Arc::new(change);
            let mut pause = FIRST;
            for attempt in 1..=TRIES {
                let Err(error) = self.send(&change).await else {
                    break;
                };
                let last = attempt == TRIES || !error.is_passing();
                let receiver = self.name();
                tracing::warn!(receiver, attempt, last, %error, "a webhook didn't take a change");
                if last {
                    break;
                }
                sleep(pause).await;
                pause *= 2;
            }
        }
    }

    async fn send(&self, change: &Change) -> Result<(), Failed> {
        let body = body::of(self.webhook.shape, change)?;
        let secret = self.webhook.secret.read()?;
        let signature = signature::sign(&secret, Timestamp::now(), &body);
        let answer = self
            .client
            .post(self.webhook.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("weir-event", &change.event)
            .header("weir-delivery", delivery(change))
            .header("weir-signature", signature)
            .body(body)
            .send()
            .await
            .map_err(|error| Failed::Send(error.without_url().to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Failed::Status(status)),
        }
    }
}

/// Names a change: the same one has the same name however often it is sent.
fn delivery(change: &Change) -> String {
    let request = &change.request;
    let answers = request.answers.len();
    let named = format!("{}/{}/{answers}/{}", request.id, change.event, request.hash);
    blake3::hash(named.as_bytes()).to_hex().to_string()
}
