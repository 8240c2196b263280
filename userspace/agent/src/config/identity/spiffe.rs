//! `[[identity]]` with `kind = "spiffe"`: a workload that a JWT-SVID speaks for.

use std::{path::PathBuf, time::Duration};

use weir_identity::spiffe::{Bundle, is_domain, is_id_of};

use crate::config::{
    duration,
    invalid::{InvalidValue, quoted},
    path,
    table::Table,
};

/// Taken where nothing is declared.
const SKEW: Duration = Duration::from_secs(60);

/// A workload that a JWT-SVID speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiffeIdentity {
    /// Whose ids are taken.
    pub trust_domain: String,
    /// The only id that is taken.
    pub spiffe_id: Option<String>,
    /// Where the SVID is.
    pub svid_file: PathBuf,
    /// Where the keys are.
    pub bundle: Bundle,
    /// For whom it must be meant.
    pub audience: String,
    /// In which groups it is.
    pub groups: Vec<String>,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
}

pub(super) fn read(table: &mut Table<'_>, groups: Vec<String>) -> Option<SpiffeIdentity> {
    let domain = table
        .required("trust_domain", "trust_domain = \"example.org\"")
        .and_then(|v| v.check(domain));
    let id = table.optional("spiffe_id").map(|v| {
        v.check(|text| match &domain {
            Some(domain) if !is_id_of(text, domain) => Err(InvalidValue::new(format!(
                "{} is no SPIFFE ID of the trust domain {domain}",
                quoted(text)
            ))
            .help(format!("write it spiffe://{domain}/…"))),
            _ => Ok(text.to_owned()),
        })
    });
    let svid_file = table
        .required("svid_file", "svid_file = \"/run/spire/ci.jwt\"")
        .and_then(|v| v.check(path::absolute));
    let audience = table
        .required(
            "audience",
            "audience = \"weir\", whom the SVID is meant for",
        )
        .and_then(|v| v.text().map(str::to_owned));
    let file = table.optional("bundle_file");
    let url = table.optional("bundle_url");
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    let bundle = match (&file, &url) {
        (Some(file), None) => file.check(path::absolute).map(Bundle::File),
        (None, Some(url)) => url.check(address).and_then(|url| {
            let ca = match ca {
                Some(ca) => Some(ca?),
                None => None,
            };
            Some(Bundle::Url { url, ca })
        }),
        (Some(_), Some(url)) => {
            url.wrong(
                InvalidValue::new("the trust bundle is declared twice")
                    .help("keep one of `bundle_file` and `bundle_url`"),
            );
            None
        }
        (None, None) => {
            table.missing(
                "`bundle_file` or `bundle_url`",
                "bundle_file = \"/run/spire/bundle.json\"",
            );
            None
        }
    };
    let clock_skew = match table.optional("clock_skew") {
        Some(skew) => duration::read(&skew),
        None => Some(SKEW),
    };
    let spiffe_id = match id {
        Some(id) => Some(id?),
        None => None,
    };
    Some(SpiffeIdentity {
        trust_domain: domain?,
        spiffe_id,
        svid_file: svid_file?,
        bundle: bundle?,
        audience: audience?,
        groups,
        clock_skew: clock_skew?,
    })
}

fn domain(text: &str) -> Result<String, InvalidValue> {
    if is_domain(text) {
        return Ok(text.to_owned());
    }
    Err(
        InvalidValue::new(format!("{} is no trust domain", quoted(text)))
            .help("write its name alone, in lower case, as \"example.org\""),
    )
}

fn address(text: &str) -> Result<String, InvalidValue> {
    match weir_identity::oidc::issuer(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => {
            Err(InvalidValue::new(format!("{} can't be asked", quoted(text))).help(why.to_string()))
        }
    }
}
