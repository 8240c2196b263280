//! Lengths of time: `"30s"`, `"10m"`, `"2h"`.

use std::time::Duration;

use super::{
    invalid::{InvalidValue, quoted},
    value::Value,
};

/// The longest that can be had: a week.
const LONGEST: u64 = 7 * 24 * 3600;

/// The length of time that a value names, from a second to a week.
pub(super) fn read(value: &Value<'_>) -> Option<Duration> {
    value.check(duration)
}

fn duration(text: &str) -> Result<Duration, InvalidValue> {
    let wrong = || {
        InvalidValue::new(format!("{} is not a length of time", quoted(text)))
            .help("write a number and its unit, as \"30s\", \"10m\" or \"2h\"")
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(wrong)?;
    let seconds = match unit.trim_start() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.saturating_mul(seconds);
    if (1..=LONGEST).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(
        InvalidValue::new(format!("{} is out of bounds", quoted(text)))
            .help("from one second to a week can be had"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_say_their_unit() {
        for (text, seconds) in [
            ("1s", 1),
            ("30s", 30),
            ("10m", 600),
            ("2 h", 7200),
            ("168h", LONGEST),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "30",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "30S",
            "30 sec",
            "169h",
            "1d",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
