//! What was used already, so that it isn't taken twice.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use ring::digest::{SHA256, digest};

/// Most that is remembered at a time. Beyond it nothing is taken until something has run out.
const MOST: usize = 20_000;

/// Hashes of what was used, each until it is worth nothing anyway.
#[derive(Debug, Default)]
pub(crate) struct Used(Mutex<HashMap<Vec<u8>, Timestamp>>);

impl Used {
    /// True the first time, and never again before `until`.
    pub(crate) fn first(&self, what: &str, until: Timestamp, now: Timestamp) -> bool {
        let hash = digest(&SHA256, what.as_bytes()).as_ref().to_vec();
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST {
            used.retain(|_, until| *until > now);
            if used.len() >= MOST {
                return false;
            }
        }
        used.insert(hash, until).is_none_or(|before| before <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;

    #[test]
    fn nothing_is_taken_twice_while_it_is_good_for_anything() {
        let (used, now) = (Used::default(), Timestamp::UNIX_EPOCH);
        let until = now + 1.minute();
        assert!(used.first("a", until, now));
        assert!(!used.first("a", until, now));
        assert!(used.first("b", until, now));
        assert!(used.first("a", until + 1.minute(), until));
    }

    #[test]
    fn what_is_full_takes_nothing() {
        let (used, now) = (Used::default(), Timestamp::UNIX_EPOCH);
        let until = now + 1.minute();
        for i in 0..MOST {
            assert!(used.first(&i.to_string(), until, now));
        }
        assert!(!used.first("one more", until, now));
        assert!(used.first("one more", until + 1.minute(), until));
    }
}
