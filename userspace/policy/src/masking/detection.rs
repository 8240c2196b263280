//! What is masked by what it looks like: detectors bound to classes, for one database of a target.

use std::{iter::Peekable, ops::Range, sync::Arc};

use regex::bytes::Regex;

use super::{DataClass, MaskingRules, Method, glob::Glob};
use crate::{
    Clear,
    detect::{self, Detector, Detectors},
};

/// `[[detector]]`s, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) known: Vec<Known>,
    pub(super) own: Vec<Own>,
}

/// Detectors of weir's own that are given a class.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) detectors: Detectors,
    pub(super) class: DataClass,
    pub(super) place: Place,
}

/// A detector that the rules bring along.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) name: Arc<str>,
    pub(super) pattern: Regex,
    pub(super) class: DataClass,
    pub(super) place: Place,
}

/// Where it holds.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) target: Glob,
    pub(super) database: Glob,
}

impl Place {
    fn has(&self, target: &str, database: &str) -> bool {
        self.target.matches(target) && self.database.matches(database)
    }
}

/// What is looked for in one database: each detector with the class of what it finds.
#[derive(Debug, Default)]
pub struct Detection {
    known: Vec<(Detector, DataClass, Method)>,
    own: Vec<(Own, Method)>,
}

/// What of a [`Detection`] one subject may not see clear.
#[derive(Clone, Debug)]
pub struct Net {
    detection: Arc<Detection>,
    known: Detectors,
    /// A bit for each of `own`.
    own: u64,
}

/// A value that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit<'n> {
    /// The bytes of the text that it is.
    pub range: Range<usize>,
    /// The name of the detector.
    pub detector: &'n str,
    /// What it is.
    pub class: &'n DataClass,
    /// How it is masked.
    pub method: Method,
}

impl MaskingRules {
    /// What `asked` look for in this database, and the detectors of the rules' own with them.
    #[must_use]
    pub fn detection(&self, asked: Detectors, target: &str, database: &str) -> Detection {
        let bound = |detector: Detector| {
            let mut rules = self.detectors.known.iter();
            rules
                .find(|rule| rule.detectors.has(detector) && rule.place.has(target, database))
                .map(|rule| rule.class.clone())
                .or_else(|| DataClass::new(detector.class()))
        };
        let method = |class: &DataClass| self.classes.get(class).copied();
        let known = Detector::all().filter(|detector| asked.has(*detector));
        let own = self.detectors.own.iter();
        Detection {
            known: known
                .filter_map(|detector| {
                    let class = bound(detector)?;
                    // A class that isn't declared shows nothing.
                    let method = method(&class).unwrap_or(Method::Redact);
                    Some((detector, class, method))
                })
                .collect(),
            own: own
                .filter(|own| own.place.has(target, database))
                .map(|own| (own.clone(), method(&own.class).unwrap_or(Method::Redact)))
                .collect(),
        }
    }
}

impl Net {
    /// What of `detection` is not `clear`; `None` where all is.
    #[must_use]
    pub fn new(detection: &Arc<Detection>, clear: &Clear) -> Option<Self> {
        let known = detection.known.iter();
        let known: Detectors = known
            .filter(|(_, class, _)| !clear.shows(class))
            .map(|(detector, ..)| *detector)
            .collect();
        let own = detection.own.iter().enumerate();
        let own = own
            .filter(|(_, (own, _))| !clear.shows(&own.class))
            .fold(0, |bits, (i, _)| bits | 1 << i);
        (!known.is_empty() || own != 0).then(|| Self {
            detection: Arc::clone(detection),
            known,
            own,
        })
    }

    /// What is found in `hay` from byte `from` on, each value once, from left to right. What stands
    /// before `from` may say what a number is; for patterns, the text begins there.
    #[must_use]
    pub fn hits<'n, 'h>(&'n self, hay: &'h [u8], from: usize) -> Hits<'n, 'h> {
        let own = self.detection.own.iter().enumerate();
        let own = own.filter(|(i, _)| self.own & 1 << i != 0);
        Hits {
            net: self,
            hay,
            at: from,
            known: None,
            own: own
                .filter_map(|(_, (own, method))| {
                    let matches = own.pattern.find_iter(hay.get(from..).unwrap_or_default());
                    let mut found = Found { hay, from, matches }.peekable();
                    found.peek()?;
                    Some((found, own, *method))
                })
                .collect(),
        }
    }
}

/// The values in one text; see [`Net::hits`].
#[derive(Debug)]
pub struct Hits<'n, 'h> {
    net: &'n Net,
    hay: &'h [u8],
    /// What is before it has been told.
    at: usize,
    known: Option<Option<(Range<usize>, Detector)>>,
    own: Vec<(Peekable<Found<'n, 'h>>, &'n Own, Method)>,
}

impl<'n> Hits<'n, '_> {
    fn next_known(&mut self) -> Option<Hit<'n>> {
        let told = self.at;
        let passed = matches!(&self.known, Some(Some((range, _))) if range.end <= told);
        if passed || self.known.is_none() {
            self.known = Some(detect::find(self.hay, told, self.net.known));
        }
        let (range, found) = self.known.clone().flatten()?;
        let mut known = self.net.detection.known.iter();
        let (detector, class, method) = known.find(|(detector, ..)| *detector == found)?;
        Some(Hit {
            range: range.start.max(told)..range.end,
            detector: detector.name(),
            class,
            method: *method,
        })
    }

    fn next_own(&mut self) -> Option<Hit<'n>> {
        let told = self.at;
        let own = self.own.iter_mut().filter_map(|(found, own, method)| {
            while found.next_if(|range| range.end <= told).is_some() {}
            let range = found.peek()?;
            Some(Hit {
                range: range.start.max(told)..range.end,
                detector: &own.name,
                class: &own.class,
                method: *method,
            })
        });
        own.min_by_key(|hit| hit.range.start)
    }
}

impl<'n> Iterator for Hits<'n, '_> {
    type Item = Hit<'n>;

    fn next(&mut self) -> Option<Hit<'n>> {
        let known = self.next_known();
        let own = self.next_own();
        let hit = match (known, own) {
            (Some(known), Some(own)) if own.range.start < known.range.start => own,
            (Some(known), _) => known,
            (None, own) => own?,
        };
        self.at = hit.range.end;
        Some(hit)
    }
}

/// The matches of one pattern that aren't empty, as whole characters.
#[derive(Debug)]
struct Found<'n, 'h> {
    hay: &'h [u8],
    from: usize,
    matches: regex::bytes::Matches<'n, 'h>,
}

impl Iterator for Found<'_, '_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let inner = |at: usize| {
            let byte = self.hay.get(at).copied().unwrap_or_default();
            byte & 0b1100_0000 == 0b1000_0000
        };
        let from = self.from;
        let found = self.matches.find(|found| !found.is_empty())?;
        let (mut start, mut end) = (from + found.start(), from + found.end());
        // At most three bytes of UTF-8 continue a character.
        for _ in 0..3 {
            start -= usize::from(start > from && inner(start));
            end += usize::from(inner(end));
        }
        Some(start..end)
    }
}

#[cfg(test)]
mod tests;
