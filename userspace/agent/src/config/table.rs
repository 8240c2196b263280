//! Reads a TOML table key by key, and reports every key that is missing or unknown.
//!
//! A derived `Deserialize` stops at the first mistake, so a person with three would run weir three
//! times. Here each stanza asks its table for the keys it knows; what wasn't asked for is unknown,
//! which is an error as in `deny_unknown_fields`, and nothing stops the rest from being read.

use std::ops::Range;

use toml::{Spanned, de::DeTable};

use super::{
    invalid::{InvalidValue, quoted},
    nearest::nearest,
    report::Report,
    value::Value,
};

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    title: &'static str,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    report: &'a Report<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The file itself.
    pub(super) fn root(entries: &'a Spanned<DeTable<'a>>, report: &'a Report<'a>) -> Self {
        Self::new("the file", entries.span(), entries.get_ref(), report)
    }

    /// A table that messages call by this title.
    pub(super) fn new(
        title: &'static str,
        span: Range<usize>,
        entries: &'a DeTable<'a>,
        report: &'a Report<'a>,
    ) -> Self {
        Self {
            title,
            span,
            entries,
            report,
            known: Vec::new(),
        }
    }

    /// The value of a key, where it is there.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(Value::new(key, value, self.report))
    }

    /// The value of a key that must be there; `example` is how it would look.
    pub(super) fn required(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.optional(key);
        if value.is_none() {
            self.missing(&format!("`{key}`"), example);
        }
        value
    }

    /// Reports that something is missing.
    pub(super) fn missing(&self, what: &str, example: &str) {
        let wrong = InvalidValue::new(format!("{what} is missing in {}", self.title));
        self.report
            .error(&self.span, wrong.help(format!("add {example}")));
    }

    /// Reports the value of a key as wrong; the table itself where there is no such key.
    pub(super) fn wrong(&self, key: &str, wrong: InvalidValue) {
        let span = self
            .entries
            .get(key)
            .map_or_else(|| self.span.clone(), Spanned::span);
        self.report.error(&span, wrong);
    }

    /// Ends the reading: keys that nobody asked for are errors.
    pub(super) fn finish(self) {
        for key in self
            .entries
            .keys()
            .filter(|key| !self.known.contains(&key.get_ref().as_ref()))
        {
            let word = key.get_ref();
            let wrong =
                InvalidValue::new(format!("unknown key {} in {}", quoted(word), self.title));
            let help = match nearest(word, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are: {}", self.known.join(", ")),
            };
            self.report.error(&key.span(), wrong.help(help));
        }
    }
}
