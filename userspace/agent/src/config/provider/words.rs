//! What the keys of all kinds of provider may say.

use std::time::Duration;

use crate::config::{
    duration,
    invalid::{InvalidValue, quoted},
    value::Value,
};

/// A clock that is further off makes short-lived words long-lived.
const MOST_SKEW: Duration = Duration::from_secs(600);

/// What was declared and is right, or was not declared; none where it was wrong.
pub(super) fn given<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

pub(super) fn word(text: &str) -> Result<String, InvalidValue> {
    if text.is_empty() || text.len() > 256 || text.contains(char::is_control) {
        return Err(
            InvalidValue::new(format!("{} can't be taken", quoted(text)))
                .help("write 1 to 256 bytes without control characters"),
        );
    }
    Ok(text.to_owned())
}

pub(super) fn skew(value: &Value<'_>) -> Option<Duration> {
    let skew = duration::read(value)?;
    if skew > MOST_SKEW {
        value.wrong(
            InvalidValue::new("`clock_skew` is at most 10m").help("set the clocks by NTP instead"),
        );
        return None;
    }
    Some(skew)
}
