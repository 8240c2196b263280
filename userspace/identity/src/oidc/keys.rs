//! A provider's keys: fetched when they are first needed, and again when a token names one that is
//! not among them, or after a while, so that what the provider has withdrawn is believed no more.
//!
//! Whoever can send tokens can name keys that are not there. So however many do, the provider is
//! asked at most once in [`REFETCH`].

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex as StdMutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    JsonWebKey as _,
    core::{CoreJsonWebKey, CoreJsonWebKeySet},
};
use tokio::sync::Mutex;

use super::http::HttpError;

/// The shortest time between two fetches.
const REFETCH: SignedDuration = SignedDuration::from_secs(10);
/// After this a set is asked for anew when it is next needed.
const STALE: SignedDuration = SignedDuration::from_mins(10);
/// A set that can't be had anew is believed this long, and not longer.
const DEAD: SignedDuration = SignedDuration::from_hours(24);
/// Most keys of one provider.
const MOST: usize = 128;

/// Why keys can't be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeysError {
    /// The provider can't be asked.
    #[error("{0}")]
    Http(Arc<HttpError>),
    /// Its answer is not what it must be.
    #[error("{0}")]
    Answer(String),
    /// It has more than are taken.
    #[error("it has more than {MOST} keys")]
    TooMany,
    /// Asked a moment ago, to no avail.
    #[error("the keys can't be had: {0}; they are asked for again in a moment")]
    Before(String),
}

impl From<HttpError> for KeysError {
    fn from(error: HttpError) -> Self {
        Self::Http(Arc::new(error))
    }
}

/// Where keys come from.
pub(crate) trait KeySource: fmt::Debug + Send + Sync {
    /// All keys there are now.
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<CoreJsonWebKeySet, KeysError>> + Send + '_>>;
}

/// The keys of one provider.
#[derive(Debug)]
pub(crate) struct Keys {
    known: StdMutex<Option<Known>>,
    fetching: Mutex<Option<Attempt>>,
}

#[derive(Clone, Debug)]
struct Known {
    set: Arc<CoreJsonWebKeySet>,
    at: Timestamp,
}

#[derive(Debug)]
struct Attempt {
    at: Timestamp,
    failure: Option<String>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            known: StdMutex::new(None),
            fetching: Mutex::new(None),
        }
    }

    /// The keys of this name; all of them where a token names none. None where there is no such
    /// key, after the provider was asked again if that was due.
    pub(crate) async fn find(
        &self,
        source: &dyn KeySource,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<CoreJsonWebKey>, KeysError> {
        let known = self.known();
        if let Some(known) = &known
            && now.duration_since(known.at) < STALE
        {
            let found = named(&known.set, name);
            if !found.is_empty() {
                return Ok(found);
            }
        }
        // One at a time: who waited finds what the one before has fetched.
        let mut attempt = self.fetching.lock().await;
        let due = attempt
            .as_ref()
            .is_none_or(|last| now.duration_since(last.at) >= REFETCH);
        if due {
            let fetched = source.fetch().await.and_then(bounded);
            let failure = fetched.as_ref().err().map(ToString::to_string);
            *attempt = Some(Attempt { at: now, failure });
            match fetched {
                Ok(set) => {
                    let set = Arc::new(set);
                    *self.known.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some(Known { set, at: now });
                }
                Err(error) if known.is_none() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a provider's keys can't be asked for anew");
                }
            }
        }
        let failure = attempt.as_ref().and_then(|last| last.failure.clone());
        drop(attempt);
        match self.known() {
            Some(known) if now.duration_since(known.at) < DEAD => Ok(named(&known.set, name)),
            _ => Err(KeysError::Before(failure.unwrap_or_default())),
        }
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

fn named(set: &CoreJsonWebKeySet, name: Option<&str>) -> Vec<CoreJsonWebKey> {
    let keys = set.keys().iter();
    let fits = |key: &&CoreJsonWebKey| {
        name.is_none_or(|name| key.key_id().is_some_and(|id| id.as_str() == name))
    };
    keys.filter(fits).cloned().collect()
}

fn bounded(set: CoreJsonWebKeySet) -> Result<CoreJsonWebKeySet, KeysError> {
    if set.keys().len() > MOST {
        return Err(KeysError::TooMany);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openidconnect::JsonWebKeyId;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug, Default)]
    struct Told {
        ids: StdMutex<Vec<String>>,
        fails: std::sync::atomic::AtomicBool,
        asked: AtomicUsize,
    }

    impl Told {
        fn of(ids: &[&str]) -> Self {
            let told = Self::default();
            told.set(ids);
            told
        }

        fn set(&self, ids: &[&str]) {
            *self.ids.lock().unwrap() = ids.iter().map(|id| (*id).to_owned()).collect();
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    impl KeySource for Told {
        fn fetch(
            &self,
        ) -> Pin<Box<dyn Future<Output = Result<CoreJsonWebKeySet, KeysError>> + Send + '_>>
        {
            Box::pin(async {
                self.asked.fetch_add(1, Ordering::Relaxed);
                if self.fails.load(Ordering::Relaxed) {
                    return Err(KeysError::Answer("it is away".into()));
                }
                let key = |id: &String| {
                    let id = JsonWebKeyId::new(id.clone());
                    CoreJsonWebKey::new_rsa(vec![1], vec![3], Some(id))
                };
                Ok(CoreJsonWebKeySet::new(
                    self.ids.lock().unwrap().iter().map(key).collect(),
                ))
            })
        }
    }

    async fn knows(keys: &Keys, told: &Told, id: &str, now: Timestamp) -> bool {
        let found = keys.find(told, Some(id), now).await;
        found.is_ok_and(|found| found.len() == 1)
    }

    #[tokio::test]
    async fn a_new_key_is_found_and_a_withdrawn_one_forgotten() {
        let (keys, told, now) = (Keys::new(), Told::of(&["a"]), Timestamp::UNIX_EPOCH);
        assert!(knows(&keys, &told, "a", now).await);
        told.set(&["b"]);
        assert!(!knows(&keys, &told, "b", now).await, "asked a moment ago");
        assert!(knows(&keys, &told, "b", now + REFETCH).await);
        assert!(!knows(&keys, &told, "a", now + REFETCH).await);
        told.set(&["c"]);
        assert!(knows(&keys, &told, "b", now + REFETCH).await);
        assert!(!knows(&keys, &told, "b", now + REFETCH + STALE).await);
    }

    #[tokio::test]
    async fn however_many_keys_are_named_the_provider_is_asked_once() {
        let (keys, told, now) = (Keys::new(), Told::of(&["a"]), Timestamp::UNIX_EPOCH);
        for i in 0..1000 {
            assert!(!knows(&keys, &told, &format!("x{i}"), now).await);
        }
        assert_eq!(told.asked(), 1);
        assert!(knows(&keys, &told, "a", now).await);
        assert!(!knows(&keys, &told, "x", now + REFETCH).await);
        assert_eq!(told.asked(), 2);
    }

    #[tokio::test]
    async fn keys_outlive_a_provider_that_is_away_but_not_for_ever() {
        let (keys, told, now) = (Keys::new(), Told::of(&["a"]), Timestamp::UNIX_EPOCH);
        assert!(knows(&keys, &told, "a", now).await);
        told.fails.store(true, Ordering::Relaxed);
        assert!(knows(&keys, &told, "a", now + STALE).await);
        assert!(!knows(&keys, &told, "a", now + DEAD).await);
        told.fails.store(false, Ordering::Relaxed);
        assert!(knows(&keys, &told, "a", now + DEAD + REFETCH).await);
    }

    #[tokio::test]
    async fn a_provider_that_was_never_there_is_not_asked_for_each_token() {
        let (keys, told, now) = (Keys::new(), Told::of(&[]), Timestamp::UNIX_EPOCH);
        told.fails.store(true, Ordering::Relaxed);
        for _ in 0..100 {
            assert!(keys.find(&told, None, now).await.is_err());
        }
        assert_eq!(told.asked(), 1);
    }

    #[tokio::test]
    async fn more_keys_than_anyone_has_are_refused() {
        let ids: Vec<String> = (0..=MOST).map(|i| i.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (keys, told) = (Keys::new(), Told::of(&ids));
        let found = keys.find(&told, None, Timestamp::UNIX_EPOCH).await;
        assert!(matches!(found, Err(KeysError::TooMany)));
    }
}
