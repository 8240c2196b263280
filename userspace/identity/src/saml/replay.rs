//! Assertions that were used.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use super::Refused;

/// Most that are remembered. When it is full nobody signs in, rather than one of them twice.
const MOST: usize = 10_000;

/// The assertions that were used and could be used again: each until it would be too late anyway.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, Timestamp>>);

impl Seen {
    /// Remembers one; an error if it was used before.
    pub(super) fn remember(
        &self,
        assertion: String,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, until| *until >= now);
        }
        if seen.contains_key(&assertion) {
            return Err(Refused::Replayed);
        }
        if seen.len() >= MOST {
            return Err(Refused::Full);
        }
        seen.insert(assertion, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;

    #[test]
    fn an_assertion_is_used_once_while_it_holds_and_the_memory_is_bounded() {
        let (seen, now) = (Seen::default(), Timestamp::UNIX_EPOCH);
        let until = now + 5.minutes();
        for n in 0..MOST {
            seen.remember(format!("_{n}"), until, now).unwrap();
        }
        assert_eq!(
            seen.remember("_7".into(), until, now),
            Err(Refused::Replayed)
        );
        assert_eq!(
            seen.remember("_new".into(), until, until),
            Err(Refused::Full)
        );
        let later = until + 1.second();
        assert_eq!(seen.remember("_new".into(), later, later), Ok(()));
        assert_eq!(
            seen.remember("_new".into(), later, later),
            Err(Refused::Replayed)
        );
    }
}
