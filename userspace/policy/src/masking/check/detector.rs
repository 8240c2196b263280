//! `[[detector]]`: weir's own by name, or another by a pattern.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use regex::bytes::{Regex, RegexBuilder};
use toml::Spanned;

use super::Check;
use crate::{
    DataClass, Method,
    detect::{Detector, Detectors},
    masking::{
        detection::{Known, Own, Place, Rules},
        raw::{self, Patterns},
    },
};

/// Most detectors of one's own: each costs a look at every value.
const MOST_OWN: usize = 64;
/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1000;
/// What a pattern may become, in bytes: `\w{1000}` becomes much.
const LARGEST: usize = 1 << 20;

impl Check<'_> {
    /// Adds one to `to`, and tells the class that it gives.
    pub(super) fn detector(
        &mut self,
        declared: raw::Detector,
        classes: &BTreeMap<DataClass, Method>,
        to: &mut Rules,
    ) -> Option<DataClass> {
        let (class, _) = self.declared(&declared.class, classes)?;
        let place = Place {
            target: self.pattern(declared.target.as_ref())?,
            database: self.pattern(declared.database.as_ref())?,
        };
        match (declared.detect, declared.name, declared.pattern) {
            (Some(names), None, None) => to.known.push(Known {
                detectors: self.detectors(names),
                class: class.clone(),
                place,
            }),
            (None, Some(name), Some(pattern)) => {
                let own = Own {
                    name: self.own_name(&name, &to.own)?,
                    pattern: self.own_pattern(&pattern)?,
                    class: class.clone(),
                    place,
                };
                if to.own.len() >= MOST_OWN {
                    let message = format!("more than {MOST_OWN} detectors of your own");
                    self.error(name.span(), message, None);
                    return None;
                }
                to.own.push(own);
            }
            _ => self.error(
                declared.class.span(),
                "a detector is one of weir's, or one of your own",
                Some(
                    "say detect = \"card\", or a `name` of your own and its `pattern`, not both"
                        .into(),
                ),
            ),
        }
        Some(class)
    }

    fn detectors(&mut self, names: Spanned<Patterns>) -> Detectors {
        let span = names.span();
        let names: Vec<(String, Range<usize>)> = match names.into_inner() {
            Patterns::One(name) => vec![(name, span)],
            Patterns::Many(names) => {
                if names.is_empty() {
                    self.error(span, "an empty list names no detector", None);
                }
                let each = names
                    .into_iter()
                    .map(|name| (name.span(), name.into_inner()));
                each.map(|(span, name)| (name, span)).collect()
            }
        };
        let mut detectors = Detectors::default();
        for (name, span) in names {
            match Detector::named(&name) {
                Some(detector) => detectors.add(detector),
                None => {
                    let known: Vec<&str> = Detector::all().map(Detector::name).collect();
                    self.error(
                        span,
                        format!("no detector is called `{}`", name.escape_debug()),
                        Some(format!("known are: {}", known.join(", "))),
                    );
                }
            }
        }
        detectors
    }

    fn own_name(&mut self, name: &Spanned<String>, others: &[Own]) -> Option<Arc<str>> {
        let (text, span) = (name.get_ref().as_str(), name.span());
        if DataClass::new(text).is_none() {
            self.error(
                span,
                format!("`{}` can't name a detector", text.escape_debug()),
                Some("lower-case letters, digits, `_` and `-`, a letter first, at most 64".into()),
            );
            return None;
        }
        if Detector::named(text).is_some() {
            let help = format!("to give it a class, write detect = \"{text}\"");
            self.error(span, format!("`{text}` is one of weir's"), Some(help));
            return None;
        }
        if others.iter().any(|other| &*other.name == text) {
            let message = format!("there is a detector `{text}` already");
            self.error(span, message, None);
            return None;
        }
        Some(text.into())
    }

    fn own_pattern(&mut self, pattern: &Spanned<String>) -> Option<Regex> {
        let (text, span) = (pattern.get_ref().as_str(), pattern.span());
        if text.len() > LONGEST_PATTERN {
            let message = format!("a pattern has at most {LONGEST_PATTERN} bytes");
            self.error(span, message, None);
            return None;
        }
        let built = RegexBuilder::new(text)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build();
        let pattern = match built {
            Ok(pattern) => pattern,
            Err(regex::Error::CompiledTooBig(_)) => {
                let help = "ask for fewer repetitions, or say [0-9A-Za-z] instead of \\w";
                self.error(span, "the pattern becomes too big", Some(help.into()));
                return None;
            }
            Err(error) => {
                // Its first lines show the place by art of its own.
                let told = error.to_string();
                let told = told.lines().next_back().unwrap_or_default();
                let told = told.trim_start_matches("error: ");
                self.error(span, format!("not a regular expression: {told}"), None);
                return None;
            }
        };
        if pattern.is_match(b"") {
            let help = "say what must be there: `+` instead of `*`";
            self.error(
                span,
                "the pattern matches where nothing is",
                Some(help.into()),
            );
            return None;
        }
        Some(pattern)
    }
}
