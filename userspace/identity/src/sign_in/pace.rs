//! How often each local user may try.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::SignInRefused;

/// Most tries of one user in [`WINDOW`].
const TRIES: u32 = 20;
/// See [`TRIES`].
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Most users that are kept count of. A host that has more at once turns the next away.
const USERS: usize = 4096;

/// Counts the tries of each user. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<u32, (Timestamp, u32)>>);

impl Pace {
    /// Counts one try.
    pub(super) fn step(&self, uid: u32, now: Timestamp) -> Result<(), SignInRefused> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |since: Timestamp| now.duration_since(since) < WINDOW;
        if !counted.contains_key(&uid) && counted.len() >= USERS {
            counted.retain(|_, (since, _)| fresh(*since));
            if counted.len() >= USERS {
                return Err(SignInRefused::Busy);
            }
        }
        let (since, tries) = counted.entry(uid).or_insert((now, 0));
        if !fresh(*since) {
            (*since, *tries) = (now, 0);
        }
        if *tries >= TRIES {
            return Err(SignInRefused::TooFast { uid });
        }
        *tries += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_too_often_waits_and_nobody_else_does() {
        let (pace, now) = (Pace::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..TRIES {
            pace.step(7, now).unwrap();
        }
        let refused = pace.step(7, now);
        assert!(matches!(refused, Err(SignInRefused::TooFast { uid: 7 })));
        pace.step(8, now).unwrap();
        pace.step(7, now + WINDOW).unwrap();
    }

    #[test]
    fn the_count_itself_is_bounded() {
        let (pace, now) = (Pace::default(), Timestamp::UNIX_EPOCH);
        for uid in 0..u32::try_from(USERS).unwrap() {
            pace.step(uid, now).unwrap();
        }
        assert!(matches!(pace.step(u32::MAX, now), Err(SignInRefused::Busy)));
        pace.step(u32::MAX, now + WINDOW).unwrap();
    }
}
