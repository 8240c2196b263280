//! Keeps one workload's token: renewed before it ends, looked at for revocation, dropped when it
//! ends.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::sleep;

use super::{
    Account, Failure, Standing,
    file::Stamp,
    source::{Obtained, Source},
};
use crate::oidc::Client;

/// How often files are looked at.
const LOOK: SignedDuration = SignedDuration::from_secs(1);
/// The first wait after a failure; it doubles with each, up to the last.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(1);
const LAST_WAIT: SignedDuration = SignedDuration::from_secs(60);
/// A provider that gives very short tokens is not asked more often than this.
const LEAST_LIFE: SignedDuration = SignedDuration::from_secs(2);

/// Keeps one workload's token.
#[derive(Debug)]
pub struct Keeper {
    /// Where it comes from.
    pub source: Source,
    /// For whom it must be meant.
    pub audience: String,
    /// Who asks the provider whether it still holds (RFC 7662), and how often.
    pub introspection: Option<(Client, Duration)>,
}

/// What is held, and when something is due.
struct Held {
    obtained: Option<Obtained>,
    renew: Timestamp,
    introspect: Timestamp,
    stamps: [Stamp; 2],
    failures: u32,
    failure: Option<Failure>,
    revoked: bool,
}

impl Keeper {
    /// Keeps it for as long as this runs; `tell` hears of every change.
    pub async fn keep(&self, tell: impl Fn(Account)) {
        let now = Timestamp::now();
        let mut held = Held {
            obtained: None,
            renew: now,
            introspect: now,
            stamps: Default::default(),
            failures: 0,
            failure: None,
            revoked: false,
        };
        let mut told = None;
        loop {
            self.turn(&mut held, Timestamp::now()).await;
            let now = Timestamp::now();
            let account = held.account(now);
            if told.as_ref() != Some(&account) {
                tell(account.clone());
                told = Some(account);
            }
            sleep(held.pause(now)).await;
        }
    }

    /// Does what is due.
    async fn turn(&self, held: &mut Held, now: Timestamp) {
        let stamps = self.source.stamps();
        if stamps != held.stamps || now >= held.renew {
            held.stamps = stamps;
            match self.source.obtain(&self.audience, now).await {
                Ok(obtained) if held.is_revoked(&obtained) => {
                    held.failed(now, "the token is the one that the provider has revoked");
                }
                Ok(obtained) => self.obtained(held, obtained, now),
                Err(error) => {
                    tracing::warn!(%error, "a workload's identity can't be verified anew");
                    held.failed(now, &error.to_string());
                }
            }
        }
        self.introspected(held, now).await;
    }

    fn obtained(&self, held: &mut Held, obtained: Obtained, now: Timestamp) {
        let life = obtained.expires.duration_since(now).max(LEAST_LIFE);
        held.renew = if self.source.can_renew() {
            // Between seven and nine tenths of its life, so that many hosts don't ask at once.
            now.saturating_add(life * 7 / 10 + life * i32::from(random() % 20) / 100)
                .unwrap_or(Timestamp::MAX)
        } else {
            Timestamp::MAX
        };
        held.obtained = Some(obtained);
        held.introspect = now;
        held.revoked = false;
        held.failures = 0;
        held.failure = None;
    }

    /// Asks the provider whether the token still holds, where that is due.
    async fn introspected(&self, held: &mut Held, now: Timestamp) {
        let (Some((client, every)), Some(provider)) = (&self.introspection, self.source.provider())
        else {
            return;
        };
        let Some(obtained) = held.obtained.as_ref().filter(|_| !held.revoked) else {
            return;
        };
        if now < held.introspect {
            return;
        }
        let every = SignedDuration::try_from(*every).unwrap_or(LAST_WAIT);
        held.introspect = now.saturating_add(every).unwrap_or(Timestamp::MAX);
        match client.holds(provider, &obtained.token).await {
            Ok(true) => {}
            Ok(false) => {
                held.revoked = true;
                // Another may be given at once.
                held.renew = if self.source.can_renew() {
                    now.saturating_add(FIRST_WAIT).unwrap_or(now)
                } else {
                    Timestamp::MAX
                };
            }
            Err(error) => {
                tracing::warn!(%error, "a provider can't be asked whether a token still holds");
                let message = format!("asking whether the token still holds: {error}");
                held.failure = Some(Failure { at: now, message });
            }
        }
    }
}

impl Held {
    fn is_revoked(&self, fresh: &Obtained) -> bool {
        use secrecy::ExposeSecret as _;
        let same = |old: &Obtained| old.token.expose_secret() == fresh.token.expose_secret();
        self.revoked && self.obtained.as_ref().is_some_and(same)
    }

    fn failed(&mut self, now: Timestamp, message: &str) {
        let wait = FIRST_WAIT * (1_i32 << self.failures.min(6));
        let wait = wait.min(LAST_WAIT);
        // Between half of it and all of it.
        let wait = wait / 2 + wait * i32::from(random() % 50) / 100;
        self.renew = now.saturating_add(wait).unwrap_or(now);
        self.failures = self.failures.saturating_add(1);
        self.failure = Some(Failure {
            at: now,
            message: message.to_owned(),
        });
    }

    fn account(&self, now: Timestamp) -> Account {
        let why = |failure: &Failure| failure.message.clone();
        let standing = match &self.obtained {
            Some(_) if self.revoked => {
                Standing::Unverified("the provider has revoked the workload's token".to_owned())
            }
            Some(obtained) if obtained.expires > now => Standing::Verified {
                subject: Arc::new(obtained.subject.clone()),
                expires: obtained.expires,
            },
            Some(obtained) => {
                let why = self.failure.as_ref().map(why).unwrap_or_default();
                let ended = obtained.expires;
                Standing::Unverified(format!(
                    "the workload's token has expired at {ended}: {why}"
                ))
            }
            None => match &self.failure {
                Some(failure) => Standing::Unverified(why(failure)),
                None => return Account::unknown(),
            },
        };
        Account {
            standing,
            failure: self.failure.clone(),
        }
    }

    /// Until the next look, or until the token ends if that is sooner.
    fn pause(&self, now: Timestamp) -> Duration {
        let ends = self
            .obtained
            .as_ref()
            .map(|held| held.expires.duration_since(now));
        let ends = ends.filter(|left| *left > SignedDuration::ZERO);
        let pause = ends.map_or(LOOK, |left| left.min(LOOK));
        Duration::try_from(pause).unwrap_or(Duration::from_secs(1))
    }
}

/// Spreads what many hosts do; not a secret.
fn random() -> u8 {
    let mut byte = [0];
    SystemRandom::new().fill(&mut byte).ok();
    let [byte] = byte;
    byte
}
