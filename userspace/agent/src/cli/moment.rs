//! Times and durations as people read them.

use jiff::{SignedDuration, Timestamp};

/// A moment, to the second, in UTC: operators of one fleet compare across time zones.
pub(crate) fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The time of day of a moment, to the millisecond, in UTC.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S%.3f").to_string()
}

/// The moment this many microseconds after the start; the start itself where that is out of range.
pub(crate) fn after(start: Timestamp, micros: i64) -> Timestamp {
    start
        .checked_add(SignedDuration::from_micros(micros))
        .unwrap_or(start)
}

/// A moment to come, and how far off it is.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> String {
    let left = i64::try_from(at.duration_since(now).as_micros()).unwrap_or(i64::MAX);
    format!("{}, {} left", second(at), duration(left))
}

/// A duration in microseconds, in the two units that matter.
pub(crate) fn duration(micros: i64) -> String {
    let micros = micros.max(0);
    let (seconds, minutes, hours) = (
        micros / 1_000_000,
        micros / 60_000_000,
        micros / 3_600_000_000,
    );
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        1_000_000..60_000_000 => format!("{seconds}.{} s", micros % 1_000_000 / 100_000),
        60_000_000..3_600_000_000 => format!("{minutes}m {}s", seconds % 60),
        _ => format!("{hours}h {}m", minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_units() {
        for (micros, text) in [
            (-5, "0 µs"),
            (999, "999 µs"),
            (1_250, "1.2 ms"),
            (2_340_000, "2.3 s"),
            (61_000_000, "1m 1s"),
            (3_720_000_000, "1h 2m"),
        ] {
            assert_eq!(duration(micros), text);
        }
    }

    #[test]
    fn moments_are_utc_and_survive_absurd_offsets() {
        let start: Timestamp = "2026-11-21T10:03:22.1204Z".parse().unwrap();
        assert_eq!(second(start), "2026-11-21 10:03:22Z");
        assert_eq!(clock(after(start, 1_500)), "10:03:22.121");
        assert_eq!(after(start, i64::MAX), start);
        assert_eq!(
            until(after(start, 61_000_000), start),
            "2026-11-21 10:04:23Z, 1m 1s left"
        );
        assert!(until(Timestamp::MIN, Timestamp::MAX).ends_with(" 0 µs left"));
    }
}
