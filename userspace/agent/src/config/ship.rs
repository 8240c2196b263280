//! `[ship]`: where events and records are taken.

mod s3;
mod sink;
pub(super) mod url;

use toml::Spanned;
use weir_ship::{S3Options, SinkOptions};

use super::{
    invalid::{InvalidValue, quoted},
    report::Report,
    stanza::Declared,
    table::Table,
};

/// Where events and records are taken. Holds no secret, only where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ship {
    /// What receivers know this host as; none means its own name.
    pub host: Option<String>,
    /// Where events go. No name is there twice.
    pub sinks: Vec<SinkOptions>,
    /// Where records go.
    pub s3: Option<S3Options>,
}

pub(super) fn read<'a>(mut table: Table<'a>, report: &'a Report<'a>) -> Option<Ship> {
    let host = table.optional("host").map(|v| v.check(host));
    let sinks = table
        .optional("sink")
        .map(|v| v.tables("[[ship.sink]]"))
        .unwrap_or_default();
    let s3 = table.optional("s3").map(|v| v.table("[ship.s3]"));
    table.finish();

    let sinks = Declared::new(sinks.into_iter().map(sink::read).collect(), report);
    let s3 = s3.map(|table| table.and_then(s3::read));
    let declared = sinks.len();
    let sinks: Vec<SinkOptions> = sinks
        .into_values()
        .map(|(name, kind)| SinkOptions {
            name: Spanned::into_inner(name).to_string(),
            kind,
        })
        .collect();
    // One that fell out without a word would be an outage that nobody sees.
    (sinks.len() == declared).then_some(())?;
    Some(Ship {
        host: all(host)?,
        sinks,
        s3: all(s3)?,
    })
}

/// What may be left out, but not be wrong.
fn all<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(right) => right.map(Some),
    }
}

fn host(text: &str) -> Result<String, InvalidValue> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=253).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    Err(
        InvalidValue::new(format!("{} can't be a host's name", quoted(text)))
            .help("write letters, digits, `.`, `_` and `-`"),
    )
}
