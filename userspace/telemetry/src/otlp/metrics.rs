//! Metrics as OTLP has them: cumulative, since the daemon's start.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    metric::Data, number_data_point,
};

use super::attribute;
use crate::{Distribution, Family, Kind, Point, Value};

/// These metrics; times are nanoseconds since 1970. Those without a point are left out.
pub(super) fn told(families: &[Family], since: u64, now: u64) -> Vec<Metric> {
    let some = families.iter().filter(|family| !family.points.is_empty());
    some.map(|family| Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: family.unit.to_owned(),
        data: Some(data(family, since, now)),
        ..Metric::default()
    })
    .collect()
}

fn data(family: &Family, since: u64, now: u64) -> Data {
    let temporality = AggregationTemporality::Cumulative.into();
    let numbers = || {
        let points = family.points.iter();
        points
            .filter_map(|point| number(point, since, now))
            .collect()
    };
    match family.kind {
        Kind::Counter | Kind::Level => Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: temporality,
            is_monotonic: family.kind == Kind::Counter,
        }),
        Kind::Gauge => Data::Gauge(Gauge {
            data_points: numbers(),
        }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: family
                .points
                .iter()
                .filter_map(|point| distributed(point, since, now))
                .collect(),
            aggregation_temporality: temporality,
        }),
    }
}

fn number(point: &Point, since: u64, now: u64) -> Option<NumberDataPoint> {
    let Value::Number(number) = point.value else {
        return None;
    };
    Some(NumberDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: since,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsInt(number)),
        ..NumberDataPoint::default()
    })
}

fn distributed(point: &Point, since: u64, now: u64) -> Option<HistogramDataPoint> {
    let Value::Distribution(Distribution {
        bounds,
        counts,
        sum,
    }) = &point.value
    else {
        return None;
    };
    Some(HistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: since,
        time_unix_nano: now,
        count: counts.iter().sum(),
        sum: Some(*sum),
        bucket_counts: counts.clone(),
        explicit_bounds: bounds.clone(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(point: &Point) -> Vec<KeyValue> {
    let attribute = |(name, value): &(&'static str, String)| match value.parse() {
        // The one of them that is a number (OpenTelemetry, "Server attributes").
        Ok(port) if *name == "server.port" => attribute::number(name, port),
        _ => attribute::text(name, value.as_str()),
    };
    point.labels.iter().map(attribute).collect()
}
