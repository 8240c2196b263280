//! Metrics at one moment, as both ways out have them.

pub use crate::instrument::Distribution;

/// One metric with all its points, named as OpenTelemetry names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name (`weir.session.active`).
    pub name: &'static str,
    /// Its unit (UCUM: `s`, `By`, `{session}`).
    pub unit: &'static str,
    /// What it is, for people.
    pub help: &'static str,
    /// How it is to be read.
    pub kind: Kind,
    /// Its points. No two have the same labels.
    pub points: Vec<Point>,
}

/// How a metric is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, since the start.
    Counter,
    /// It grows and shrinks, and can be added up.
    Level,
    /// It is what it is.
    Gauge,
    /// It is distributed.
    Histogram,
}

/// One point of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What it is of, by OpenTelemetry's names of attributes.
    pub labels: Vec<(&'static str, String)>,
    /// How much.
    pub value: Value,
}

/// How much.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(i64),
    /// A distribution.
    Distribution(Distribution),
}

impl Family {
    /// One without points yet.
    #[must_use]
    pub fn new(name: &'static str, unit: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            unit,
            help,
            kind,
            points: Vec::new(),
        }
    }

    /// With one more point.
    #[must_use]
    pub fn with<'a>(
        mut self,
        labels: impl IntoIterator<Item = (&'static str, &'a str)>,
        number: impl TryInto<i64>,
    ) -> Self {
        self.push(labels, Value::Number(number.try_into().unwrap_or(i64::MAX)));
        self
    }

    pub(crate) fn push<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'static str, &'a str)>,
        value: Value,
    ) {
        self.points.push(Point {
            labels: labels
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            value,
        });
    }

    pub(crate) fn number<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'static str, &'a str)>,
        number: u64,
    ) {
        self.push(labels, Value::Number(number.try_into().unwrap_or(i64::MAX)));
    }

    /// Nothing where the histogram is empty.
    pub(crate) fn distribution<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'static str, &'a str)>,
        distribution: Option<Distribution>,
    ) {
        if let Some(distribution) = distribution {
            self.push(labels, Value::Distribution(distribution));
        }
    }
}
