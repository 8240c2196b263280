//! What the results of subqueries are made of, by the names that they have outside: what decides by such
//! a name decides by all of that.
//!
//! Names count wherever they stand in the statement, so that one that has several meanings has them all.

use std::collections::{BTreeMap, BTreeSet};

/// What a value is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    /// The columns that are named, without their qualifiers.
    pub(super) columns: BTreeSet<String>,
    /// Of those, the ones without a qualifier: one may be a whole row.
    pub(super) idents: BTreeSet<String>,
    /// All columns of something.
    pub(super) all: bool,
}

impl Made {
    /// Of anything.
    pub(super) fn of_all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.columns.extend(other.columns.iter().cloned());
        self.idents.extend(other.idents.iter().cloned());
        self.all |= other.all;
    }
}

/// What is known of one statement's.
#[derive(Debug, Default)]
pub(super) struct Makings {
    named: BTreeMap<String, Made>,
    /// Of those whose names can't be told.
    unnamed: Made,
}

impl Makings {
    pub(super) fn name(&mut self, name: &str, made: &Made) {
        match self.named.get_mut(name) {
            Some(known) => known.join(made),
            None => {
                self.named.insert(name.to_owned(), made.clone());
            }
        }
    }

    pub(super) fn unnamed(&mut self, made: &Made) {
        self.unnamed.join(made);
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        for (name, made) in &other.named {
            self.name(name, made);
        }
        self.unnamed.join(&other.unnamed);
    }

    /// What stands behind these names, behind what that is made of, and so on.
    pub(super) fn behind(&self, names: &BTreeSet<String>) -> Made {
        let mut found = Made::default();
        if names.is_empty() {
            return found;
        }
        found.join(&self.unnamed);
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&String> = names.iter().chain(&self.unnamed.columns).collect();
        while let Some(name) = todo.pop() {
            if !seen.insert(name) {
                continue;
            }
            if let Some(made) = self.named.get(name) {
                found.join(made);
                todo.extend(&made.columns);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: &[&str]) -> Made {
        Made {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            ..Made::default()
        }
    }

    #[test]
    fn a_name_leads_to_all_behind_it_also_in_a_circle() {
        let mut makings = Makings::default();
        for (name, columns) in [("x", ["y", "z"]), ("y", ["ssn", "x"]), ("a", ["b", "c"])] {
            makings.name(name, &of(&columns));
        }
        let behind = |name: &str| makings.behind(&of(&[name]).columns);
        assert_eq!(behind("x"), of(&["ssn", "x", "y", "z"]));
        assert_eq!(behind("z"), Made::default());
    }

    #[test]
    fn what_has_no_name_may_be_meant_by_any() {
        let mut makings = Makings::default();
        makings.unnamed(&of(&["y"]));
        makings.name("y", &Made::of_all());
        assert_eq!(makings.behind(&BTreeSet::new()), Made::default());
        let behind = makings.behind(&of(&["whatever"]).columns);
        assert_eq!((behind.columns, behind.all), (of(&["y"]).columns, true));
    }
}
