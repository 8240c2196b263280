//! Asking a token's provider whether it still holds (RFC 7662), and for how long a token is believed
//! whose provider can't be asked.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::Failure;
use crate::oidc::{Client, Provider};

/// The longest wait before one is asked anew that could not be.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// Who asks whether a token still holds, and how often.
#[derive(Debug)]
pub struct Introspection {
    /// As what the provider is asked.
    pub client: Client,
    /// How often.
    pub every: Duration,
    /// How long a token is still believed while the provider can't be asked.
    pub unreachable_grace: Duration,
}

/// What a provider has said, and since when it says nothing.
#[derive(Debug)]
pub(super) struct Asked {
    due: Timestamp,
    silence: Option<Silence>,
}

/// A provider that can't be asked.
#[derive(Debug)]
struct Silence {
    /// Until when its tokens are believed.
    until: Timestamp,
    failures: u32,
    failure: Failure,
}

impl Asked {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            due: now,
            silence: None,
        }
    }

    /// Another token is held. Silence goes on: or each new token would be believed anew.
    pub(super) fn of_another(&mut self, now: Timestamp) {
        self.due = now;
    }

    /// Until when a token is believed that nobody has vouched for since.
    pub(super) fn believed_until(&self) -> Option<Timestamp> {
        self.silence.as_ref().map(|silence| silence.until)
    }

    /// Why nothing is said.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.silence.as_ref().map(|silence| &silence.failure)
    }

    /// Asks, where that is due: false where the token holds no more.
    pub(super) async fn holds(
        &mut self,
        introspection: &Introspection,
        provider: &Provider,
        token: &SecretString,
        now: Timestamp,
    ) -> bool {
        if now < self.due {
            return true;
        }
        let span = |of: Duration| SignedDuration::try_from(of).unwrap_or(SignedDuration::MAX);
        let every = span(introspection.every);
        let error = match introspection.client.holds(provider, token).await {
            Ok(holds) => {
                self.silence = None;
                self.due = later(now, every);
                return holds;
            }
            Err(error) => error,
        };
        tracing::warn!(%error, "a provider can't be asked whether a token still holds");
        let before = self.silence.take();
        let failures = before.as_ref().map_or(0, |silence| silence.failures);
        let until = before.map_or_else(
            || later(now, span(introspection.unreachable_grace)),
            |silence| silence.until,
        );
        let wait = SignedDuration::from_secs(1_i64 << failures.min(5));
        self.due = later(now, wait.min(every).min(LONGEST_WAIT));
        self.silence = Some(Silence {
            until,
            failures: failures.saturating_add(1),
            failure: Failure {
                at: now,
                message: format!("it can't be asked whether the token still holds: {error}"),
            },
        });
        true
    }
}

fn later(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}
