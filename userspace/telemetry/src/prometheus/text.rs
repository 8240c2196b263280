//! Prometheus's text format, version 0.0.4, with names made from OpenTelemetry's as its
//! specification says ("Prometheus and OpenMetrics Compatibility").

use std::fmt::{self, Write};

use crate::{Distribution, Family, Kind, Point, Value};

/// The media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// These, as Prometheus reads them. Metrics without a point are left out.
#[must_use]
pub fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.points.is_empty()) {
        // Writing to a text can't fail.
        write(family, &mut text).ok();
    }
    text
}

fn write(family: &Family, out: &mut String) -> fmt::Result {
    let name = name(family);
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Level | Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
    for Point { labels, value } in &family.points {
        match value {
            Value::Number(number) => writeln!(out, "{name}{} {number}", Labels(labels, None))?,
            Value::Distribution(Distribution {
                bounds,
                counts,
                sum,
            }) => {
                let mut count = 0;
                let ends = bounds.iter().copied().chain([f64::INFINITY]);
                for (end, more) in ends.zip(counts) {
                    count += more;
                    let labels = Labels(labels, Some(end));
                    writeln!(out, "{name}_bucket{labels} {count}")?;
                }
                let labels = Labels(labels, None);
                writeln!(
                    out,
                    "{name}_sum{labels} {sum}\n{name}_count{labels} {count}"
                )?;
            }
        }
    }
    Ok(())
}

/// As Prometheus has it: with the unit in words at its end, and `_total` for what is counted.
fn name(family: &Family) -> String {
    let mut name = family.name.replace('.', "_");
    let unit = match family.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        // In braces it is an annotation and no unit.
        _ => "",
    };
    if !name.ends_with(unit) {
        name.push_str(unit);
    }
    if family.kind == Kind::Counter {
        name.push_str("_total");
    }
    name
}

/// `{a="b",le="0.1"}`, or nothing.
struct Labels<'a>(&'a [(&'static str, String)], Option<f64>);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(labels, end) = self;
        let mut before = '{';
        for (name, value) in *labels {
            write!(f, "{before}{}=\"", name.replace('.', "_"))?;
            before = ',';
            for char in value.chars() {
                match char {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    other => f.write_char(other)?,
                }
            }
            f.write_char('"')?;
        }
        match end {
            Some(end) if end.is_finite() => write!(f, "{before}le=\"{end}\"}}"),
            Some(_) => write!(f, "{before}le=\"+Inf\"}}"),
            None if before == ',' => f.write_char('}'),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_units_and_labels_are_as_prometheus_wants_them() {
        let mut took = Family::new("weir.verdict.duration", "s", Kind::Histogram, "How\nlong.");
        took.distribution(
            [("weir.target", "a\\b\"c\nd")],
            Some(Distribution {
                bounds: vec![0.000_01, 0.5, 10.0],
                counts: vec![1, 0, 2, 1],
                sum: 31.5,
            }),
        );
        let families = [
            Family::new("weir.session.active", "{session}", Kind::Level, "Open.").with([], 3_u64),
            Family::new("weir.record.io", "By", Kind::Counter, "Bytes.")
                .with([("a.b", "c"), ("d", "e")], u64::MAX),
            took,
            Family::new("weir.none", "", Kind::Gauge, "Left out."),
        ];
        assert_eq!(
            text(&families),
            "# HELP weir_session_active Open.\n\
             # TYPE weir_session_active gauge\n\
             weir_session_active 3\n\
             # HELP weir_record_io_bytes_total Bytes.\n\
             # TYPE weir_record_io_bytes_total counter\n\
             weir_record_io_bytes_total{a_b=\"c\",d=\"e\"} 9223372036854775807\n\
             # HELP weir_verdict_duration_seconds How\\nlong.\n\
             # TYPE weir_verdict_duration_seconds histogram\n\
             weir_verdict_duration_seconds_bucket{weir_target=\"a\\\\b\\\"c\\nd\",le=\"0.00001\"} 1\n\
             weir_verdict_duration_seconds_bucket{weir_target=\"a\\\\b\\\"c\\nd\",le=\"0.5\"} 1\n\
             weir_verdict_duration_seconds_bucket{weir_target=\"a\\\\b\\\"c\\nd\",le=\"10\"} 3\n\
             weir_verdict_duration_seconds_bucket{weir_target=\"a\\\\b\\\"c\\nd\",le=\"+Inf\"} 4\n\
             weir_verdict_duration_seconds_sum{weir_target=\"a\\\\b\\\"c\\nd\"} 31.5\n\
             weir_verdict_duration_seconds_count{weir_target=\"a\\\\b\\\"c\\nd\"} 4\n"
        );
    }
}
