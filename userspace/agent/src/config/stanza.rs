//! What the stanzas of one kind declared, and looking a name up among them.

use std::collections::BTreeMap;

use toml::Spanned;

use super::{
    invalid::{InvalidValue, quoted},
    name::Name,
    nearest::nearest,
    report::Report,
};

/// One `[[…]]` as read. Its name is known also where the rest is wrong, so that a mistake in it
/// doesn't make every mention of it a second one.
pub(super) struct Stanza<N, T> {
    pub(super) name: Option<Spanned<N>>,
    pub(super) value: Option<T>,
}

/// All stanzas of one kind.
pub(super) struct Declared<N, T>(Vec<Stanza<N, T>>);

impl<N: Name, T> Declared<N, T> {
    /// Takes the stanzas, and reports names that are declared twice.
    pub(super) fn new(stanzas: Vec<Stanza<N, T>>, report: &Report<'_>) -> Self {
        let mut first = BTreeMap::new();
        for name in stanzas.iter().filter_map(|s| s.name.as_ref()) {
            let here = name.span();
            let there = *first.entry(name.get_ref()).or_insert(here.start);
            if there != here.start {
                let line = report.line(there);
                report.error(
                    &here,
                    InvalidValue::new(format!("{} `{name}` is declared twice", N::KIND)).help(
                        format!("it is first declared on line {line}; rename one of them"),
                    ),
                );
            }
        }
        Self(stanzas)
    }

    /// How many stanzas there are, right or wrong.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The stanza of this name, or nothing and an error that is reported. What is inside is
    /// nothing where the stanza itself was wrong.
    pub(super) fn look_up(&self, name: &Spanned<N>, report: &Report<'_>) -> Option<&Option<T>> {
        let found = self.0.iter().find(|s| s.name.as_ref() == Some(name));
        if found.is_none() {
            let wrong = InvalidValue::new(format!(
                "no {} is called {}",
                N::KIND,
                quoted(&name.to_string())
            ));
            report.error(&name.span(), wrong.help(self.way_out(name.get_ref())));
        }
        found.map(|stanza| &stanza.value)
    }

    fn way_out(&self, name: &N) -> String {
        let names: Vec<String> = self
            .0
            .iter()
            .filter_map(|s| s.name.as_ref())
            .map(ToString::to_string)
            .collect();
        match nearest(&name.to_string(), names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => {
                format!("declare it: [[{}]] with name = \"{name}\"", N::KIND)
            }
            None => format!("declared are: {}", names.join(", ")),
        }
    }

    /// The values of the stanzas that were right, with the place of their names.
    pub(super) fn into_values(self) -> impl Iterator<Item = (Spanned<N>, T)> {
        self.0
            .into_iter()
            .filter_map(|stanza| Some((stanza.name?, stanza.value?)))
    }
}
