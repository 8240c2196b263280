//! Reads a TOML table key by key, and reports every key and value that is wrong.
//!
//! A derived `Deserialize` stops at the first mistake, so a person with three would run weir three
//! times. Here each stanza asks its table for the keys it knows; what wasn't asked for is unknown,
//! which is an error as in `deny_unknown_fields`, and nothing stops the rest from being read.

use std::{ops::Range, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    invalid::{InvalidValue, quoted},
    nearest::nearest,
    report::Report,
};

/// Longer texts and lists are mistakes.
const LONGEST_TEXT: usize = 4096;
const LONGEST_LIST: usize = 1024;

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    title: &'static str,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    report: &'a Report<'a>,
    known: Vec<&'static str>,
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    title: &'static str,
    value: &'a Spanned<DeValue<'a>>,
    report: &'a Report<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn root(entries: &'a Spanned<DeTable<'a>>, report: &'a Report<'a>) -> Self {
        let (span, entries) = (entries.span(), entries.get_ref());
        Self {
            title: "the file",
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
        Some(Value {
            title: key,
            value,
            report: self.report,
        })
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

impl<'a> Value<'a> {
    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// Reports this value as wrong.
    pub(super) fn wrong(&self, wrong: InvalidValue) {
        self.report.error(&self.value.span(), wrong);
    }

    /// A text that isn't absurdly long.
    pub(super) fn text(&self) -> Option<&'a str> {
        let DeValue::String(text) = self.value.get_ref() else {
            return self.mistyped("a text in quotes");
        };
        if text.len() > LONGEST_TEXT {
            self.wrong(
                InvalidValue::new(format!("{} is too long", quoted(text)))
                    .help(format!("at most {LONGEST_TEXT} bytes")),
            );
            return None;
        }
        Some(text)
    }

    /// A text that this function takes.
    pub(super) fn check<T>(
        &self,
        take: impl FnOnce(&'a str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        take(self.text()?).map_err(|wrong| self.wrong(wrong)).ok()
    }

    /// A text that parses.
    pub(super) fn parse<T: FromStr<Err = InvalidValue>>(&self) -> Option<T> {
        self.check(str::parse)
    }

    /// A text that parses, with its place.
    pub(super) fn located<T: FromStr<Err = InvalidValue>>(&self) -> Option<Spanned<T>> {
        self.parse().map(|value| Spanned::new(self.span(), value))
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        self.check(|text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                InvalidValue::new(format!("{} is not a known `{}`", quoted(text), self.title)).help(
                    match nearest(text, names.iter().copied()) {
                        Some(near) => format!("did you mean \"{near}\"?"),
                        None => format!("known are: {}", names.join(", ")),
                    },
                )
            })
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value
            .get_ref()
            .as_bool()
            .or_else(|| self.mistyped("true or false"))
    }

    /// An integer, if it is one that fits; nothing is reported.
    pub(super) fn integer(&self) -> Option<u64> {
        let integer = self.value.get_ref().as_integer()?;
        u64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// A TCP port.
    pub(super) fn port(&self) -> Option<u16> {
        let port = self.integer().and_then(|port| u16::try_from(port).ok());
        port.filter(|port| *port != 0)
            .or_else(|| self.mistyped("a port from 1 to 65535"))
    }

    /// A list without repetitions; each element is read by itself.
    pub(super) fn each<T: PartialEq>(
        &self,
        read: impl Fn(Value<'a>) -> Option<T>,
    ) -> Vec<Spanned<T>> {
        let mut list: Vec<Spanned<T>> = Vec::new();
        for element in self.elements() {
            let Some(value) = read(element) else { continue };
            if let Some(first) = list.iter().find(|known| *known.get_ref() == value) {
                let line = self.report.line(first.span().start);
                element.wrong(
                    InvalidValue::new(format!("this stands in `{}` already", self.title))
                        .help(format!("it is first on line {line}; take one of them out")),
                );
            } else {
                list.push(Spanned::new(element.span(), value));
            }
        }
        list
    }

    /// A list as [`each`](Self::each) reads it, with at least one element.
    pub(super) fn some<T: PartialEq>(
        &self,
        read: impl Fn(Value<'a>) -> Option<T>,
    ) -> Vec<Spanned<T>> {
        if self
            .value
            .get_ref()
            .as_array()
            .is_some_and(|array| array.is_empty())
        {
            self.wrong(
                InvalidValue::new(format!("`{}` is empty", self.title))
                    .help("fill it, or take it out"),
            );
        }
        self.each(read)
    }

    /// A table of this title.
    pub(super) fn table(&self, title: &'static str) -> Option<Table<'a>> {
        let Some(entries) = self.value.get_ref().as_table() else {
            return self.mistyped(&format!("a table, written {title}"));
        };
        Some(Table {
            title,
            span: self.span(),
            entries,
            report: self.report,
            known: Vec::new(),
        })
    }

    /// Tables of this title, one for each stanza.
    pub(super) fn tables(&self, title: &'static str) -> Vec<Table<'a>> {
        if self.value.get_ref().is_table() {
            self.wrong(
                InvalidValue::new(format!("there can be several of `{}`", self.title))
                    .help(format!("write it {title}")),
            );
            return Vec::new();
        }
        self.elements()
            .into_iter()
            .filter_map(|element| element.table(title))
            .collect()
    }

    fn elements(&self) -> Vec<Value<'a>> {
        let Some(array) = self.value.get_ref().as_array() else {
            return self.mistyped("a list in [ ]").unwrap_or_default();
        };
        if array.len() > LONGEST_LIST {
            self.wrong(
                InvalidValue::new(format!("`{}` has too many elements", self.title))
                    .help(format!("at most {LONGEST_LIST}")),
            );
            return Vec::new();
        }
        array
            .iter()
            .map(|value| Value {
                title: self.title,
                value,
                report: self.report,
            })
            .collect()
    }

    fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let kind = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(i) => &format!("the integer {}", quoted(i.as_str())),
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(InvalidValue::new(format!(
            "`{}` must be {wanted}, not {kind}",
            self.title
        )));
        None
    }
}
