//! Moments as people type them.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

/// A moment: `2026-11-21T10:00:00Z`, `2026-11-21 10:00`, `2026-11-21`, `today`, `yesterday`, or how
/// long ago, as in `90s`, `15m`, `2h`, `1h30m`, `3d`, `2w`.
pub(in crate::cli) fn parse(text: &str) -> Result<Timestamp, String> {
    moment(text.trim(), Timestamp::now()).ok_or_else(|| {
        "it is a time as in 2026-11-21T10:00:00Z or 2026-11-21 (UTC), `today`, `yesterday`, or how \
         long ago as in 90s, 15m, 2h, 3d, 1w"
            .to_owned()
    })
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let midnight = |days: i64| {
        let day = now.to_zoned(TimeZone::UTC).date();
        let day = day
            .checked_sub(SignedDuration::from_hours(24 * days))
            .ok()?;
        utc(day.at(0, 0, 0, 0))
    };
    match text {
        "now" => return Some(now),
        "today" => return midnight(0),
        "yesterday" => return midnight(1),
        _ => {}
    }
    ago(text)
        .and_then(|ago| now.checked_sub(ago).ok())
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| text.parse::<civil::DateTime>().ok().and_then(utc))
}

fn utc(moment: civil::DateTime) -> Option<Timestamp> {
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Numbers with their units, the one behind the other.
fn ago(text: &str) -> Option<SignedDuration> {
    let mut seconds: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let mut unit = unit.chars();
        let factor = match unit.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        let number: i64 = number.parse().ok()?;
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = unit.as_str();
    }
    (!text.is_empty()).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_days_and_ways_back() {
        let now: Timestamp = "2026-11-21T10:03:22Z".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-11-21T10:03:22Z"),
            ("today", "2026-11-21T00:00:00Z"),
            ("yesterday", "2026-11-20T00:00:00Z"),
            ("2h", "2026-11-21T08:03:22Z"),
            ("1h30m", "2026-11-21T08:33:22Z"),
            ("1w", "2026-11-14T10:03:22Z"),
            ("0s", "2026-11-21T10:03:22Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01 12:30", "2026-11-01T12:30:00Z"),
            ("2026-11-01T12:30:00+02:00", "2026-11-01T10:30:00Z"),
        ] {
            let moment = moment(text, now).map(|moment| moment.to_string());
            assert_eq!(moment.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let now = Timestamp::now();
        for text in [
            "",
            "2",
            "h",
            "2y",
            "-2h",
            "2 h",
            "tomorrow",
            "99999999999999999999s",
            "9223372036854775807w",
            "9223372036854775807s",
            "2026-13-01",
            "1\u{e9}",
        ] {
            assert_eq!(moment(text, now), None, "{text}");
        }
    }
}
