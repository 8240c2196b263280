//! Keeps one workload's token: renewed before it ends, looked at for revocation, dropped when it
//! ends.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::sleep;

use super::{
    Account, Failure, Introspection, Standing,
    file::Stamp,
    introspection::Asked,
    source::{Obtained, Source},
};
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
    /// How the provider is asked whether it still holds.
    pub introspection: Option<Introspection>,
}

/// What is held, and when something is due.
struct Held {
    obtained: Option<Obtained>,
    renew: Timestamp,
    asked: Asked,
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
            asked: Asked::new(now),
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
        held.asked.of_another(now);
        held.revoked = false;
        held.failures = 0;
        held.failure = None;
    }

    /// Asks the provider whether the token still holds, where that is due.
    async fn introspected(&self, held: &mut Held, now: Timestamp) {
        let (Some(introspection), Some(provider)) = (&self.introspection, self.source.provider())
        else {
            return;
        };
        let Some(obtained) = held.obtained.as_ref().filter(|_| !held.revoked) else {
            return;
        };
        let asked = &mut held.asked;
        let holds = asked.holds(introspection, provider, &obtained.token, now);
        if !holds.await {
            held.revoked = true;
            // Another may be given at once.
            held.renew = if self.source.can_renew() {
                now.saturating_add(FIRST_WAIT).unwrap_or(now)
            } else {
                Timestamp::MAX
            };
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
        let failure = self.failure.as_ref().or_else(|| self.asked.failure());
        let standing = match (&self.obtained, self.expires()) {
            (Some(_), _) if self.revoked => {
                Standing::Unverified("the provider has revoked the workload's token".to_owned())
            }
            (Some(obtained), Some(expires)) if expires > now => Standing::Verified {
                subject: Arc::new(obtained.subject.clone()),
                expires,
            },
            (Some(obtained), _) if obtained.expires > now => {
                let why = self.asked.failure().map(why).unwrap_or_default();
                Standing::Unverified(format!("its provider is away for too long: {why}"))
            }
            (Some(obtained), _) => {
                let why = failure.map(why).unwrap_or_default();
                let ended = obtained.expires;
                Standing::Unverified(format!(
                    "the workload's token has expired at {ended}: {why}"
                ))
            }
            (None, _) => match failure {
                Some(failure) => Standing::Unverified(why(failure)),
                None => return Account::unknown(),
            },
        };
        Account {
            standing,
            failure: failure.cloned(),
        }
    }

    /// Until when what is held is believed.
    fn expires(&self) -> Option<Timestamp> {
        let expires = self.obtained.as_ref()?.expires;
        let believed = self.asked.believed_until().unwrap_or(Timestamp::MAX);
        Some(expires.min(believed))
    }

    /// Until the next look, or until the token ends if that is sooner.
    fn pause(&self, now: Timestamp) -> Duration {
        let ends = self.expires().map(|ends| ends.duration_since(now));
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
