//! `[policies]`: what holds for policies, wherever they are.

use jiff::tz::TimeZone;

use super::{
    invalid::{InvalidValue, quoted},
    table::Table,
    value::Value,
};
use crate::signing::PublicKey;

/// What holds for policies, wherever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyOptions {
    /// The zone of `context.hour` and `context.weekday`.
    pub zone: TimeZone,
    /// Whether a change of the files is taken by itself.
    pub watch: bool,
    /// Whose signature a bundle needs; with none, it needs no signature.
    pub keys: Vec<PublicKey>,
}

impl Default for PolicyOptions {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            watch: true,
            keys: Vec::new(),
        }
    }
}

pub(super) fn read(mut table: Table<'_>) -> PolicyOptions {
    let default = PolicyOptions::default();
    let zone = table.optional("timezone").and_then(|v| v.check(zone));
    let watch = table.optional("watch").and_then(|v| v.flag());
    let keys = table.optional("keys").map(|v| v.some(key));
    table.finish();
    PolicyOptions {
        zone: zone.unwrap_or(default.zone),
        watch: watch.unwrap_or(default.watch),
        keys: keys.map_or(default.keys, |keys| {
            keys.into_iter().map(toml::Spanned::into_inner).collect()
        }),
    }
}

fn zone(name: &str) -> Result<TimeZone, InvalidValue> {
    TimeZone::get(name).map_err(|_| {
        InvalidValue::new(format!("{} is no time zone of this host", quoted(name)))
            .help("zones are named as in /usr/share/zoneinfo: \"Europe/Zurich\", \"UTC\"")
    })
}

fn key(value: Value<'_>) -> Option<PublicKey> {
    value.check(|text| {
        text.parse().map_err(|_| {
            InvalidValue::new("this is no Ed25519 public key").help(
                "`weir policy keygen` makes one; it is written as PEM, or as the base64 in it",
            )
        })
    })
}
