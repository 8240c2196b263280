//! `[[ship.sink]]`: one receiver of events.

use weir_ship::{ClientCertificate, HttpFormat, S3, SinkKind};

use super::url::url;
use crate::config::{
    address::{Host, HostPort},
    invalid::InvalidValue,
    name::SinkName,
    path, size,
    stanza::Stanza,
    table::Table,
};

/// journald's own (systemd-journald.service(8)).
const JOURNAL: &str = "/run/systemd/journal/socket";
const ROTATE_AT: usize = 64 << 20;
const KEEP: u64 = 5;

#[derive(Clone, Copy)]
enum Kind {
    Journald,
    File,
    Syslog,
    Http,
}

pub(super) fn read(mut table: Table<'_>) -> Stanza<SinkName, SinkKind> {
    let name = table.required("name", "name = \"siem\"");
    let name = name.and_then(|v| {
        let name = v.located::<SinkName>()?;
        if name.get_ref().as_str() == S3 {
            v.wrong(InvalidValue::new("`s3` is what [ship.s3] is called").help("rename it"));
            return None;
        }
        Some(name)
    });
    let kind = table.required(
        "kind",
        "kind = \"journald\", \"file\", \"syslog\" or \"http\"",
    );
    let kind = kind.and_then(|v| {
        v.one_of(&[
            ("journald", Kind::Journald),
            ("file", Kind::File),
            ("syslog", Kind::Syslog),
            ("http", Kind::Http),
        ])
    });
    // Each kind has keys of its own: where the kind is wrong, none of them can be judged.
    let value = kind.and_then(|kind| match kind {
        Kind::Journald => {
            table.finish();
            Some(SinkKind::Journald {
                socket: JOURNAL.into(),
            })
        }
        Kind::File => file(table),
        Kind::Syslog => syslog(table),
        Kind::Http => http(table),
    });
    Stanza { name, value }
}

fn file(mut table: Table<'_>) -> Option<SinkKind> {
    let path = table.required("path", "path = \"/var/log/weir/events.jsonl\"");
    let path = path.and_then(|v| v.check(path::absolute));
    let rotate_at = match table.optional("rotate_at") {
        Some(v) => size::read(&v, 64 << 10, 1 << 40),
        None => Some(ROTATE_AT),
    };
    let keep = match table.optional("keep") {
        Some(v) => {
            let keep = v.integer().filter(|keep| *keep <= 1000);
            keep.or_else(|| v.mistyped("an integer from 0 to 1000"))
        }
        None => Some(KEEP),
    };
    table.finish();
    Some(SinkKind::File {
        path: path?,
        rotate_at: rotate_at?.try_into().ok()?,
        keep: keep?.try_into().ok()?,
    })
}

fn syslog(mut table: Table<'_>) -> Option<SinkKind> {
    let address = table
        .required("address", "address = \"siem.internal:6514\"")
        .and_then(|v| v.parse::<HostPort>());
    let server_name = table.optional("server_name").map(|v| v.parse::<Host>());
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    let certificate = table.optional("client_certificate");
    let key = table.optional("client_key");
    let client = match (&certificate, &key) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => {
            let certificate = certificate.check(path::absolute);
            let key = key.check(path::absolute);
            certificate
                .zip(key)
                .map(|(certificate, key)| Some(ClientCertificate { certificate, key }))
        }
        (Some(alone), None) | (None, Some(alone)) => {
            alone.wrong(
                InvalidValue::new("a client certificate and its key go together")
                    .help("name both files: `client_certificate` and `client_key`"),
            );
            None
        }
    };
    table.finish();
    let address = address?;
    let server_name = match super::all(server_name)? {
        Some(declared) => declared.to_string(),
        None => address.host.to_string(),
    };
    Some(SinkKind::Syslog {
        address: address.to_string(),
        server_name,
        ca: super::all(ca)?,
        client: client?,
    })
}

fn http(mut table: Table<'_>) -> Option<SinkKind> {
    let address = table.required("url", "url = \"https://siem.internal/events\"");
    let address = address.and_then(|v| v.check(url));
    let format = match table.optional("format") {
        Some(v) => v.one_of(&[("lines", HttpFormat::Lines), ("array", HttpFormat::Array)]),
        None => Some(HttpFormat::default()),
    };
    let token_file = table
        .optional("token_file")
        .map(|v| v.check(path::absolute));
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    table.finish();
    Some(SinkKind::Http {
        url: address?,
        format: format?,
        token_file: super::all(token_file)?,
        ca: super::all(ca)?,
    })
}
