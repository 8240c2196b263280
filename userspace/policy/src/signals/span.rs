//! Lengths of time as they are written: `"30s"`, `"10m"`, `"2h"`, `"14d"`.

use std::fmt;

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span(u64);

impl Span {
    pub(super) const SECOND: Self = Self(1000);
    pub(super) const DAY: Self = Self(24 * 3600 * 1000);
    pub(super) const WEEK: Self = Self(7 * Self::DAY.0);
    pub(super) const YEAR: Self = Self(366 * Self::DAY.0);

    /// The length that a text names.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return None,
        };
        let number = number.trim_end();
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: u64 = number.parse().ok()?;
        number.checked_mul(seconds)?.checked_mul(1000).map(Self)
    }

    pub(super) fn of_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub(super) fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let units = [("d", 24 * 3600), ("h", 3600), ("m", 60)];
        let fits = units
            .into_iter()
            .find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
        match fits {
            Some((name, unit)) => write!(f, "{}{name}", seconds / unit),
            None => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn lengths_say_their_unit_and_read_back() {
        for text in ["1s", "90s", "10m", "2h", "14d"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Span::parse("24h"), Span::parse("1d"));
        for bad in [
            "",
            "s",
            "10",
            "-1s",
            "1.5h",
            "1w",
            "10M",
            "99999999999999999999d",
            "1é",
        ] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }
}
