//! `[ship.s3]`: where finished records are uploaded to.

use weir_ship::{S3Credentials, S3Options};

use super::url::url;
use crate::config::{
    invalid::{InvalidValue, quoted},
    path, size,
    table::Table,
};

/// What S3 takes as a part, and what is sent at once.
const LEAST_PART: usize = 5 << 20;
const MOST_PART: usize = 512 << 20;
const PART: usize = 16 << 20;

#[derive(Clone, Copy)]
enum From {
    Environment,
    Instance,
}

pub(super) fn read(mut table: Table<'_>) -> Option<S3Options> {
    let bucket = table.required("bucket", "bucket = \"weir-records\"");
    let bucket = bucket.and_then(|v| v.check(bucket_name));
    let prefix = match table.optional("prefix") {
        Some(v) => v.check(prefix_of),
        None => Some(String::new()),
    };
    let region = match table.optional("region") {
        Some(v) => v.check(region_name),
        None => Some("us-east-1".to_owned()),
    };
    let endpoint = table.optional("endpoint").map(|v| v.check(url));
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    let credentials = credentials(&mut table);
    let keep = match table.optional("keep_local_until_shipped") {
        Some(v) => v.flag(),
        None => Some(true),
    };
    let part = match table.optional("part_size") {
        Some(v) => size::read(&v, LEAST_PART, MOST_PART),
        None => Some(PART),
    };
    table.finish();
    Some(S3Options {
        bucket: bucket?,
        prefix: prefix?,
        region: region?,
        endpoint: super::all(endpoint)?,
        ca: super::all(ca)?,
        credentials: credentials?,
        keep_local_until_shipped: keep?,
        part: part?,
    })
}

/// Somebody must be named: what the host's metadata service hands out is not taken by chance.
fn credentials(table: &mut Table<'_>) -> Option<S3Credentials> {
    let id = table.optional("access_key_id");
    let secret_file = table.optional("secret_key_file");
    let from = table.optional("credentials");
    let both = "access_key_id = \"AKIA…\" and secret_key_file = \"/etc/weir/secrets/s3\"";
    match (&id, &secret_file, &from) {
        (Some(id), Some(secret_file), None) => {
            let id = id.check(key_id);
            let secret_file = secret_file.check(path::absolute);
            id.zip(secret_file)
                .map(|(id, secret_file)| S3Credentials::Key { id, secret_file })
        }
        (None, None, Some(from)) => {
            let words = [
                ("environment", From::Environment),
                ("instance", From::Instance),
            ];
            from.one_of(&words).map(|from| match from {
                From::Environment => S3Credentials::Environment,
                From::Instance => S3Credentials::Instance,
            })
        }
        (Some(one), None, None) | (None, Some(one), None) => {
            one.wrong(
                InvalidValue::new("a key and its secret go together").help(format!("add {both}")),
            );
            None
        }
        (None, None, None) => {
            table.missing(
                "who uploads",
                &format!("{both}, or credentials = \"environment\" or \"instance\""),
            );
            None
        }
        (_, _, Some(second)) => {
            second.wrong(
                InvalidValue::new("who uploads is declared twice")
                    .help("keep the key, or `credentials`"),
            );
            None
        }
    }
}

/// As Amazon has them; other stores are no stricter.
fn bucket_name(text: &str) -> Result<String, InvalidValue> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if (3..=63).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(
        InvalidValue::new(format!("{} can't be a bucket", quoted(text)))
            .help("a bucket's name has 3 to 63 lower-case letters, digits, `-` and `.`"),
    )
}

fn prefix_of(text: &str) -> Result<String, InvalidValue> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._/=".contains(c);
    let climbs = text.split('/').any(|part| matches!(part, "." | ".."));
    if text.len() <= 256 && text.chars().all(allowed) && !climbs {
        return Ok(text.to_owned());
    }
    Err(
        InvalidValue::new(format!("{} can't be what keys begin with", quoted(text)))
            .help("write letters, digits, `-`, `.`, `_`, `=` and `/`, as \"weir/prod\""),
    )
}

fn region_name(text: &str) -> Result<String, InvalidValue> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(
        InvalidValue::new(format!("{} can't be a region", quoted(text)))
            .help("write it as \"eu-central-1\""),
    )
}

fn key_id(text: &str) -> Result<String, InvalidValue> {
    if (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(
        InvalidValue::new(format!("{} can't be a key's id", quoted(text)))
            .help("it is the shorter one of the two, and no secret"),
    )
}
