//! `[records]`: how sessions are recorded, for whom, and for how long.

use std::time::Duration;

use weir_record::{Durability, Recipient};

use super::{
    invalid::{InvalidValue, quoted},
    size,
    table::Table,
    value::Value,
};

/// How sessions are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// What waits for the disk.
    pub durability: Durability,
    /// Who can read them; everybody with the right to the files, where there is none.
    pub recipients: Vec<Recipient>,
    /// How many bytes of disk are kept for the ends of sessions.
    pub reserve: u64,
    /// How long they are kept; for good without it.
    pub keep: Option<Duration>,
    /// How many bytes they may have altogether.
    pub max_size: Option<u64>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            durability: Durability::Batched,
            recipients: Vec::new(),
            reserve: 16 << 20,
            keep: None,
            max_size: None,
        }
    }
}

/// A smaller reserve would not hold the ends of a few dozen sessions.
const LEAST_RESERVE: usize = 64 << 10;
const MOST_RESERVE: usize = 16 << 30;
/// Less could not hold one session of an ordinary day.
const LEAST_SIZE: usize = 1 << 20;
/// A thousand tebibytes.
const MOST_SIZE: usize = 1 << 50;
const DAY: u64 = 24 * 3600;
/// A hundred years.
const MOST_DAYS: u64 = 36_525;

pub(super) fn read(mut table: Table<'_>) -> Records {
    let default = Records::default();
    let durability = table
        .optional("durability")
        .and_then(|v| v.check(durability));
    let recipients = table.optional("recipients").map(|v| v.each(recipient));
    let reserve = table
        .optional("reserve")
        .and_then(|v| size::read(&v, LEAST_RESERVE, MOST_RESERVE));
    let keep = table.optional("keep").and_then(|v| v.check(keep));
    let max_size = table
        .optional("max_size")
        .and_then(|v| size::read(&v, LEAST_SIZE, MOST_SIZE));
    table.finish();
    Records {
        durability: durability.unwrap_or(default.durability),
        recipients: recipients
            .into_iter()
            .flatten()
            .map(toml::Spanned::into_inner)
            .collect(),
        reserve: reserve.map_or(default.reserve, |bytes| bytes as u64),
        keep,
        max_size: max_size.map(|bytes| bytes as u64),
    }
}

fn durability(text: &str) -> Result<Durability, InvalidValue> {
    match text {
        "batched" => Ok(Durability::Batched),
        "strict" => Ok(Durability::Strict),
        _ => Err(
            InvalidValue::new(format!("{} is no durability", quoted(text)))
                .help("write \"batched\", or \"strict\" to have every command wait for the disk"),
        ),
    }
}

fn recipient(value: Value<'_>) -> Option<Recipient> {
    value.check(|text| {
        text.parse().map_err(|_| {
            InvalidValue::new("not an age recipient").help(
                "write the public key that `age-keygen` prints, as \"age1…\"; the identity stays \
                 with who reads",
            )
        })
    })
}

/// For how long records are kept: `90d`.
pub(crate) fn keep(text: &str) -> Result<Duration, InvalidValue> {
    let wrong = || {
        InvalidValue::new(format!("{} is not a number of days", quoted(text)))
            .help("write how long records are kept, as \"90d\"")
    };
    let days = text.strip_suffix('d').ok_or_else(|| match text.parse() {
        Ok(1..=MOST_DAYS) => wrong().help(format!("did you mean \"{text}d\"?")),
        Ok(_) | Err(_) => wrong(),
    })?;
    let days: u64 = days.trim_end().parse().map_err(|_| wrong())?;
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(wrong());
    }
    Ok(Duration::from_secs(days * DAY))
}
