//! `[telemetry]`: who is told what is counted and traced.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    credential::credential_name,
    duration,
    invalid::{InvalidValue, quoted},
    password::PasswordSource,
    path,
    ship::url::url,
    table::Table,
    value::Value,
};

/// Who is told what is counted and traced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// Where Prometheus may ask; nowhere if nothing.
    pub prometheus: Option<SocketAddr>,
    /// The collector that is told.
    pub otlp: Option<Otlp>,
}

/// A collector, by OTLP over HTTP. Holds no secret, only where one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// Its base address: https, or http on this host.
    pub endpoint: String,
    /// Where the headers are that it wants, a line each.
    pub headers: Option<PasswordSource>,
    /// Whom to trust, as PEM; the system's roots if nothing.
    pub ca: Option<PathBuf>,
    /// How often it is told metrics; never if nothing.
    pub metrics: Option<Duration>,
    /// Which part of sessions is traced; none if nothing.
    pub traces: Option<Part>,
}

/// A part of all, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(u32);

impl Part {
    const ALL: u32 = 1_000_000;

    /// As a ratio from 0 to 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL)
    }
}

/// OpenTelemetry's own default is a minute; half of it is what dashboards are made for.
const INTERVAL: Duration = Duration::from_secs(30);

pub(super) fn read(mut table: Table<'_>) -> Option<Telemetry> {
    let prometheus = table.optional("prometheus");
    let exposed = match table.optional("prometheus_exposed") {
        None => Some(false),
        Some(v) => v.flag(),
    };
    let otlp = table
        .optional("otlp")
        .map(|v| v.table("[telemetry.otlp]").and_then(collector));
    table.finish();
    let exposed = exposed?;
    let prometheus = prometheus.map(|v| v.check(|text| address(text, exposed)));
    Some(Telemetry {
        prometheus: whole(prometheus)?,
        otlp: whole(otlp)?,
    })
}

fn collector(mut table: Table<'_>) -> Option<Otlp> {
    let endpoint = table
        .required("endpoint", "endpoint = \"http://127.0.0.1:4318\"")
        .and_then(|v| v.check(endpoint));
    let file = table.optional("headers_file");
    let credential = table.optional("headers_credential");
    let headers = match (&file, &credential) {
        (None, None) => Some(None),
        (Some(file), None) => file
            .check(path::absolute)
            .map(PasswordSource::File)
            .map(Some),
        (None, Some(name)) => {
            let name = name.check(credential_name);
            name.map(PasswordSource::Credential).map(Some)
        }
        (Some(_), Some(second)) => {
            second.wrong(
                InvalidValue::new("the headers are declared twice")
                    .help("keep one of `headers_file` and `headers_credential`"),
            );
            None
        }
    };
    let ca = table.optional("ca").map(|v| v.check(path::absolute));
    let metrics = table.optional("metrics").map_or(Some(true), |v| v.flag());
    let interval = table.optional("interval").map(|v| duration::read(&v));
    let traces = table.optional("traces").map_or(Some(true), |v| v.flag());
    let sample = table.optional("sample").map(|v| part(&v));
    table.finish();
    let interval = whole(interval)?.unwrap_or(INTERVAL);
    let sample = whole(sample)?.unwrap_or(Part(Part::ALL));
    Some(Otlp {
        endpoint: endpoint?,
        headers: headers?,
        ca: whole(ca)?,
        metrics: metrics?.then_some(interval),
        traces: traces?.then_some(sample),
    })
}

/// What may be left out, but not be wrong.
fn whole<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(right) => right.map(Some),
    }
}

fn address(text: &str, exposed: bool) -> Result<SocketAddr, InvalidValue> {
    let wrong = |why: &str| InvalidValue::new(format!("{} {why}", quoted(text)));
    let address: SocketAddr = text.parse().map_err(|_| {
        wrong("is no address to listen at").help("write it as \"127.0.0.1:9464\" or \"[::1]:9464\"")
    })?;
    if address.port() == 0 {
        return Err(wrong("has no port").help("9464 is the usual one"));
    }
    if !exposed && !address.ip().is_loopback() {
        return Err(wrong("can be reached from elsewhere").help(
            "whoever reaches it reads the metrics, without a password and in the clear: listen on \
             127.0.0.1, or say prometheus_exposed = true",
        ));
    }
    Ok(address)
}

fn endpoint(text: &str) -> Result<String, InvalidValue> {
    let checked = url(text)?;
    if checked.contains('?')
        || ["/v1/traces", "/v1/metrics"]
            .iter()
            .any(|p| checked.ends_with(p))
    {
        return Err(
            InvalidValue::new(format!("{} is no base address", quoted(text)))
                .help("leave /v1/traces and /v1/metrics away: weir adds them"),
        );
    }
    Ok(checked)
}

fn part(value: &Value<'_>) -> Option<Part> {
    let Some(ratio) = value.float() else {
        return value.mistyped("a number from 0.0 to 1.0");
    };
    if !(0.0..=1.0).contains(&ratio) {
        let wrong = InvalidValue::new(format!("{ratio} is out of bounds"));
        value.wrong(wrong.help("from 0.0 (none) to 1.0 (all) can be had"));
        return None;
    }
    let millionths = ratio * f64::from(Part::ALL);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to a million"
    )]
    Some(Part(millionths.round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_shown_to_this_host_unless_it_is_said_otherwise() {
        for (text, here) in [
            ("127.0.0.1:9464", true),
            ("[::1]:9464", true),
            ("127.1.2.3:1", true),
            ("0.0.0.0:9464", false),
            ("[::]:9464", false),
            ("192.0.2.1:9464", false),
            ("[::ffff:192.0.2.1]:9464", false),
        ] {
            assert_eq!(address(text, false).is_ok(), here, "{text}");
            assert!(address(text, true).is_ok(), "{text}");
        }
        for bad in [
            "",
            "9464",
            ":9464",
            "localhost:9464",
            "127.0.0.1",
            "127.0.0.1:0",
            "/run/x",
        ] {
            assert!(address(bad, true).is_err(), "{bad}");
        }
    }
}
