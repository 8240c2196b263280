//! `[[webhook]]`: who is told what waits for people.

use std::{net::IpAddr, path::PathBuf};

use reqwest::Url;

use super::{
    invalid::{InvalidValue, quoted},
    password::PasswordSource,
    path,
    table::Table,
};

/// Somebody who is told what waits for people, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where it listens: https, or http on this host.
    pub url: Url,
    /// Where the secret is that what is sent is signed with.
    pub secret: PasswordSource,
    /// What it understands.
    pub shape: WebhookShape,
    /// Whom to trust, as PEM; the system's roots if nothing.
    pub ca: Option<PathBuf>,
}

/// What a receiver understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookShape {
    /// The request whole, as the local API tells it.
    #[default]
    Generic,
    /// A message of Slack's incoming webhooks, without the values beside the command.
    Slack,
}

pub(super) fn read(mut table: Table<'_>) -> Option<Webhook> {
    let url = table
        .required("url", "url = \"https://hooks.example.com/weir\"")
        .and_then(|v| v.check(url));
    let secret = table
        .required("secret_file", "secret_file = \"/etc/weir/secrets/hook\"")
        .and_then(|v| v.check(path::absolute));
    let shape = table.optional("shape").map(|v| {
        v.one_of(&[
            ("generic", WebhookShape::Generic),
            ("slack", WebhookShape::Slack),
        ])
    });
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    table.finish();
    Some(Webhook {
        url: url?,
        secret: PasswordSource::File(secret?),
        shape: shape.unwrap_or(Some(WebhookShape::default()))?,
        ca: match ca {
            Some(ca) => Some(ca?),
            None => None,
        },
    })
}

fn url(text: &str) -> Result<Url, InvalidValue> {
    let url = Url::parse(text)
        .map_err(|error| InvalidValue::new(format!("{} is no URL: {error}", quoted(text))))?;
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(
            InvalidValue::new(format!("{} is not safe to send to", quoted(text))).help(
                "what waits holds commands and their values: use https, or http on this host",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn commands_go_out_in_the_clear_to_nobody() {
        for good in [
            "https://hooks.example.com/x",
            "http://127.0.0.1:8080/",
            "http://[::1]/hook",
            "http://localhost/",
        ] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example.com/",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "hooks",
            "",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
