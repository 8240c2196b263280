//! `[[provider]]` with `kind = "oidc"`.

use std::time::Duration;

use weir_identity::{
    Groups, Pointer,
    oidc::{self, Algorithm, Settings},
};

use super::words::{given, skew, word};
use crate::config::{
    duration,
    invalid::{InvalidValue, quoted},
    path,
    table::Table,
    value::Value,
};

/// Taken where nothing is declared: what providers commonly sign with.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::EdDsa,
];
/// Taken where nothing is declared.
const SKEW: Duration = Duration::from_secs(60);

pub(super) fn read(mut table: Table<'_>) -> Option<Settings> {
    let issuer = table
        .required("issuer", "issuer = \"https://login.example.com\"")
        .and_then(|v| v.check(issuer));
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    let client_id = table.optional("client_id").map(|v| v.check(word));
    let scopes = table.optional("scopes").map(|v| v.some(scope));
    let algorithms = table.optional("algorithms").map(|v| v.some(algorithm));
    let clock_skew = table.optional("clock_skew").map(|v| skew(&v));
    let claims = table.optional("groups_claim").map(claims);
    let prefix = table.optional("groups_prefix").map(|v| v.check(word));
    let sign_in_for = table.optional("sign_in_for").map(|v| duration::read(&v));
    if client_id.is_none() {
        for (key, given) in [
            ("scopes", scopes.is_some()),
            ("sign_in_for", sign_in_for.is_some()),
        ] {
            if given {
                table.wrong(
                    key,
                    InvalidValue::new("this has no effect: without `client_id` nobody signs in")
                        .help("add the client_id that weir has at the provider, or take it out"),
                );
            }
        }
    }
    table.finish();
    let plain = |list: Vec<toml::Spanned<String>>| -> Vec<String> {
        list.into_iter().map(toml::Spanned::into_inner).collect()
    };
    let mut scopes = scopes.map_or_else(
        || vec!["openid".into(), "profile".into(), "email".into()],
        plain,
    );
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    let algorithms = algorithms.map_or_else(
        || ALGORITHMS.to_vec(),
        |list| list.into_iter().map(toml::Spanned::into_inner).collect(),
    );
    Some(Settings {
        issuer: issuer?,
        ca: given(ca)?,
        client_id: given(client_id)?,
        scopes,
        algorithms,
        clock_skew: clock_skew.unwrap_or(Some(SKEW))?,
        groups: Groups {
            claims: claims.unwrap_or_default(),
            prefix: given(prefix)?.unwrap_or_default(),
        },
        sign_in_for: given(sign_in_for)?,
    })
}

fn issuer(text: &str) -> Result<String, InvalidValue> {
    match oidc::issuer(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => {
            Err(InvalidValue::new(format!("{} is no issuer", quoted(text))).help(why.to_string()))
        }
    }
}

/// RFC 6749, section 3.3.
fn scope(value: Value<'_>) -> Option<String> {
    let allowed = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    value.check(|text| {
        if !text.is_empty() && text.len() <= 256 && text.chars().all(allowed) {
            return Ok(text.to_owned());
        }
        Err(InvalidValue::new(format!("{} is no scope", quoted(text)))
            .help("one word each, as [\"openid\", \"email\"]"))
    })
}

fn algorithm(value: Value<'_>) -> Option<Algorithm> {
    value.one_of(&Algorithm::ALL)
}

fn claims(value: Value<'_>) -> Vec<Pointer> {
    let pointer = |value: Value<'_>| {
        value.check(|text| {
            text.parse::<Pointer>().map_err(|why| {
                InvalidValue::new(format!("{} is no JSON pointer", quoted(text)))
                    .help(format!("{why}, as \"/groups\" or \"/realm_access/roles\""))
            })
        })
    };
    if value.is_text() {
        return pointer(value).into_iter().collect();
    }
    let pointers = value.some(pointer);
    pointers
        .into_iter()
        .map(toml::Spanned::into_inner)
        .collect()
}
