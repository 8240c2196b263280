//! Reads one TOML value as what its key demands, and reports it where it is something else.

use std::{ops::Range, str::FromStr};

use toml::{Spanned, de::DeValue};

use super::{
    invalid::{InvalidValue, quoted},
    nearest::nearest,
    report::Report,
    table::Table,
};

/// Longer texts and lists are mistakes.
const LONGEST_TEXT: usize = 4096;
const LONGEST_LIST: usize = 1024;

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    title: &'static str,
    /// Whether it is an element of the list of that title.
    element: bool,
    value: &'a Spanned<DeValue<'a>>,
    report: &'a Report<'a>,
}

impl<'a> Value<'a> {
    /// The value of this key.
    pub(super) fn new(
        key: &'static str,
        value: &'a Spanned<DeValue<'a>>,
        report: &'a Report<'a>,
    ) -> Self {
        Self {
            title: key,
            element: false,
            value,
            report,
        }
    }

    /// The bytes of the file where it stands.
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

    /// Whether it is a text, of any length.
    pub(super) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
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

    /// A number with or without a fraction, if it is one; nothing is reported.
    pub(super) fn float(&self) -> Option<f64> {
        match self.value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        }
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
        Some(Table::new(title, self.span(), entries, self.report))
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
                element: true,
                value,
                report: self.report,
            })
            .collect()
    }

    /// Reports the value as of another type than is wanted.
    pub(super) fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let kind = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(i) => &format!("the integer {}", quoted(i.as_str())),
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let which = if self.element { "each of " } else { "" };
        self.wrong(InvalidValue::new(format!(
            "{which}`{}` must be {wanted}, not {kind}",
            self.title
        )));
        None
    }
}
