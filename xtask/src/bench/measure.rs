//! Medians and spreads.

use serde::{Deserialize, Serialize};

/// What several rounds of one measurement came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// The middle one.
    pub(super) median: f64,
    /// The first quartile.
    pub(super) low: f64,
    /// The third quartile.
    pub(super) high: f64,
}

impl Summary {
    /// Of at least one value.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            median: quantile(values, 0.5)?,
            low: quantile(values, 0.25)?,
            high: quantile(values, 0.75)?,
        })
    }

    /// Of the ratios of two measurements, round by round: what disturbed both falls out.
    pub(super) fn of_ratios(values: &[f64], bases: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = values
            .iter()
            .zip(bases)
            .filter(|(_, base)| **base > 0.0)
            .map(|(value, base)| value / base)
            .collect();
        Self::of(&ratios)
    }
}

/// The value below which this share of the values lies, between two of them where it falls there.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * as_f64(last);
    let (below, above) = (place.floor(), place.ceil());
    let at = |place: f64| {
        sorted
            .iter()
            .enumerate()
            .find(|(index, _)| as_f64(*index) >= place)
            .map(|(_, value)| *value)
    };
    let (low, high) = (at(below)?, at(above)?);
    Some(low + (high - low) * (place - below))
}

/// A count as a number to reckon with; exact up to four billion, which no count here reaches.
pub(super) fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_where_it_should() {
        let values = [4.0, 1.0, 3.0, 2.0, 5.0];
        assert_eq!(quantile(&values, 0.5), Some(3.0));
        assert_eq!(quantile(&values, 0.25), Some(2.0));
        assert_eq!(quantile(&values, 1.0), Some(5.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), Some(1.5));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn what_slows_both_down_is_no_difference() {
        let ratios = Summary::of_ratios(&[2.0, 20.0, 4.0], &[1.0, 10.0, 2.0]).unwrap();
        assert_eq!((ratios.low, ratios.median, ratios.high), (2.0, 2.0, 2.0));
    }
}
