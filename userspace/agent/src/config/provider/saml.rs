//! `[[provider]]` with `kind = "saml"`.
//!
//! The provider's metadata or certificate is read here and now, so that a mistake in it is told at
//! the line that names it, and a file that others could write is never believed.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};

use nix::unistd::geteuid;
use weir_identity::saml::{Attributes, IdentityProvider, Key, Settings};

use super::words::{given, skew, word};
use crate::config::{
    duration,
    invalid::{InvalidValue, quoted},
    path,
    table::Table,
    value::Value,
};

/// Taken where nothing is declared.
const SKEW: Duration = Duration::from_secs(60);
/// A working day.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);
/// Longest metadata or certificate, in bytes.
const LONGEST: u64 = 256 * 1024;

pub(super) fn read(mut table: Table<'_>) -> Option<Settings> {
    let identity_provider = identity_provider(&mut table);
    let entity_id = table
        .required("entity_id", "entity_id = \"https://weir.example.com\"")
        .and_then(|v| v.check(word));
    let port = table
        .required(
            "port",
            "port = 8487, and at the provider the address http://127.0.0.1:8487/acs",
        )
        .and_then(|v| v.port());
    let groups = table.optional("groups_attribute").map(names);
    let prefix = table.optional("groups_prefix").map(|v| v.check(word));
    let name = table.optional("name_attribute").map(|v| v.check(word));
    let mail = table.optional("mail_attribute").map(|v| v.check(word));
    let id = table.optional("id_attribute").map(|v| v.check(word));
    let clock_skew = table.optional("clock_skew").map(|v| skew(&v));
    let sign_in_for = table.optional("sign_in_for").map(|v| duration::read(&v));
    table.finish();
    // An address and a port make a URL.
    let consumer = format!("http://127.0.0.1:{}/acs", port?).parse().ok()?;
    Some(Settings {
        identity_provider: identity_provider?,
        entity_id: entity_id?,
        consumer,
        attributes: Attributes {
            groups: groups.unwrap_or_default(),
            prefix: given(prefix)?.unwrap_or_default(),
            name: given(name)?,
            mail: given(mail)?,
            id: given(id)?,
        },
        skew: clock_skew.unwrap_or(Some(SKEW))?,
        lifetime: sign_in_for.unwrap_or(Some(LIFETIME))?,
    })
}

/// By its metadata, or by what metadata would say.
fn identity_provider(table: &mut Table<'_>) -> Option<IdentityProvider> {
    let metadata = table.optional("metadata");
    let issuer = table.optional("issuer");
    let sign_on = table.optional("sign_on");
    let certificate = table.optional("certificate");
    if let Some(metadata) = metadata {
        for (key, given) in [
            ("issuer", issuer.is_some()),
            ("sign_on", sign_on.is_some()),
            ("certificate", certificate.is_some()),
        ] {
            if given {
                let wrong = InvalidValue::new("this has no effect: `metadata` says it");
                table.wrong(key, wrong.help("take one of them out"));
            }
        }
        return metadata.check(|text| {
            let found = file(text)?;
            IdentityProvider::from_metadata(&found).map_err(|why| wrong(text, &why))
        });
    }
    let (Some(issuer), Some(sign_on), Some(certificate)) = (&issuer, &sign_on, &certificate) else {
        let example = "metadata = \"/etc/weir/idp.xml\", or `issuer`, `sign_on` and `certificate`";
        table.missing("the identity provider", example);
        return None;
    };
    let key = certificate.check(|text| {
        let found = file(text)?;
        Key::from_certificate(&found).map_err(|why| wrong(text, &why))
    })?;
    let entity_id = issuer.check(word)?;
    sign_on.check(|text| {
        IdentityProvider::new(&entity_id, text, vec![key]).map_err(|why| wrong(text, &why))
    })
}

fn wrong(text: &str, why: &dyn std::fmt::Display) -> InvalidValue {
    InvalidValue::new(format!("{} can't be taken", quoted(text))).help(why.to_string())
}

/// What a file holds that nobody but its owner and root can write.
fn file(text: &str) -> Result<String, InvalidValue> {
    let path = path::absolute(text)?;
    let found = open(&path).map_err(|error| wrong(text, &error))?;
    found.ok_or_else(|| {
        InvalidValue::new(format!("{} can be written by others", quoted(text)))
            .help("whoever can write it can be anybody: make it root's, and run: chmod 644 on it")
    })
}

fn open(path: &Path) -> io::Result<Option<String>> {
    let file = File::open(path)?;
    let facts = file.metadata()?;
    let is_ours = facts.uid() == 0 || facts.uid() == geteuid().as_raw();
    if !is_ours || facts.mode() & 0o022 != 0 {
        return Ok(None);
    }
    if !facts.is_file() || facts.len() > LONGEST {
        return Err(io::Error::other("it is no file of at most 256 KiB"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// A name, or a list of names.
fn names(value: Value<'_>) -> Vec<String> {
    if value.is_text() {
        return value.check(word).into_iter().collect();
    }
    let names = value.some(|value| value.check(word));
    names.into_iter().map(toml::Spanned::into_inner).collect()
}
