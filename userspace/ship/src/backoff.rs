//! How long to wait before the next try: longer each time, and not all at once.

use std::time::Duration;

use rustls::crypto::ring;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    /// Between a half and the whole of a wait that doubles.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = self.0;
        self.0 = (whole * 2).min(LONGEST);
        let mut byte = [0];
        // Without randomness it is the whole.
        let share = match ring::default_provider().secure_random.fill(&mut byte) {
            Ok(()) => u32::from(byte[0]),
            Err(_) => 255,
        };
        whole / 2 + whole * share / 510
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_minute_and_are_never_none() {
        let mut backoff = Backoff::new();
        for most in [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000] {
            let wait = backoff.next();
            let most = Duration::from_millis(most);
            assert!((most / 2..=most).contains(&wait), "{wait:?} of {most:?}");
        }
    }
}
