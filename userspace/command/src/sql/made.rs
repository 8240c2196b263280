//! What values are made of, so that what decides by a result of a subquery decides by all of that.
//!
//! A statement is visited from its beginning to its end, so a value is made of what was visited within it:
//! a piece of one long list, however deep it lies. Names count wherever they stand in the statement, so that one
//! that has several meanings has them all.

use std::collections::{BTreeMap, BTreeSet};

/// Something that was visited.
#[derive(Debug)]
enum Visited {
    /// A column, without its qualifier.
    Column(String),
    /// One that has none: it may be a whole row.
    Ident(String),
    /// All columns of something.
    All,
}

/// What a value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// What was visited between two places.
    Between(usize, usize),
    /// Anything.
    OfAll,
}

/// What is known of one statement's.
#[derive(Debug, Default)]
pub(super) struct Makings {
    visited: Vec<Visited>,
    /// Results by their names.
    named: BTreeMap<String, Vec<Made>>,
    /// Those whose names can't be told.
    unnamed: Vec<Made>,
    /// What decides, beside what does by its own name.
    deciding: Vec<Made>,
}

/// What decides.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Deciding {
    pub(super) columns: BTreeSet<String>,
    /// Of those, the ones without a qualifier.
    pub(super) idents: BTreeSet<String>,
    pub(super) all: bool,
}

impl Makings {
    /// Notes a column.
    pub(super) fn column(&mut self, name: String) {
        self.visited.push(Visited::Column(name));
    }

    /// Notes a column that has no qualifier.
    pub(super) fn ident(&mut self, name: String) {
        self.visited.push(Visited::Ident(name));
    }

    /// Notes that all columns of something are meant.
    pub(super) fn all(&mut self) {
        self.visited.push(Visited::All);
    }

    /// Where the visit has come to.
    pub(super) fn place(&self) -> usize {
        self.visited.len()
    }

    /// Notes what a result is called.
    pub(super) fn name(&mut self, name: &str, made: Made) {
        match self.named.get_mut(name) {
            Some(known) => known.push(made),
            None => {
                self.named.insert(name.to_owned(), vec![made]);
            }
        }
    }

    /// Notes a result of which nobody can tell what it is called.
    pub(super) fn unnamed(&mut self, made: Made) {
        self.unnamed.push(made);
    }

    /// Notes that something decides.
    pub(super) fn decides(&mut self, made: Made) {
        self.deciding.push(made);
    }

    /// Takes over another part's.
    pub(super) fn absorb(&mut self, other: Self) {
        let by = self.visited.len();
        let moved = |made: Made| match made {
            Made::Between(from, to) => Made::Between(from + by, to + by),
            Made::OfAll => Made::OfAll,
        };
        self.visited.extend(other.visited);
        for (name, made) in other.named {
            let known = self.named.entry(name).or_default();
            known.extend(made.into_iter().map(moved));
        }
        self.unnamed.extend(other.unnamed.into_iter().map(moved));
        self.deciding.extend(other.deciding.into_iter().map(moved));
    }

    /// What decides where these names do: what was noted, what stands behind the names, behind what that is
    /// made of, and so on.
    pub(super) fn deciding(&self, names: &BTreeSet<String>) -> Deciding {
        let mut found = Deciding::default();
        let mut unseen = Unseen::new(self.visited.len());
        let mut todo: Vec<Made> = self.deciding.clone();
        let mut named = BTreeSet::new();
        for name in names {
            self.stands_for(name, &mut named, &mut todo);
        }
        if !names.is_empty() || !todo.is_empty() {
            todo.extend(&self.unnamed);
        }
        while let Some(made) = todo.pop() {
            let Made::Between(from, to) = made else {
                found.all = true;
                continue;
            };
            let mut at = unseen.next(from);
            while at < to {
                unseen.see(at);
                match self.visited.get(at) {
                    Some(Visited::All) => found.all = true,
                    Some(Visited::Ident(name)) => {
                        found.idents.insert(name.clone());
                        found.columns.insert(name.clone());
                        self.stands_for(name, &mut named, &mut todo);
                    }
                    Some(Visited::Column(name)) => {
                        found.columns.insert(name.clone());
                        self.stands_for(name, &mut named, &mut todo);
                    }
                    None => break,
                }
                at = unseen.next(at);
            }
        }
        found
    }

    fn stands_for<'a>(
        &'a self,
        name: &'a str,
        named: &mut BTreeSet<&'a str>,
        todo: &mut Vec<Made>,
    ) {
        if let Some(made) = self.named.get(name)
            && named.insert(name)
        {
            todo.extend(made);
        }
    }
}

/// The places that were not looked at, so that each is once, however many pieces it is in.
struct Unseen(Vec<usize>);

impl Unseen {
    fn new(count: usize) -> Self {
        Self((0..=count).collect())
    }

    /// The first from here on.
    fn next(&mut self, from: usize) -> usize {
        let step = |places: &[usize], at: usize| places.get(at).copied().unwrap_or(at);
        let mut to = from;
        while step(&self.0, to) != to {
            to = step(&self.0, to);
        }
        // The way is shorter the next time.
        let mut at = from;
        while at < to {
            let next = step(&self.0, at);
            if let Some(place) = self.0.get_mut(at) {
                *place = to;
            }
            at = next;
        }
        to
    }

    fn see(&mut self, at: usize) {
        if let Some(place) = self.0.get_mut(at) {
            *place = at + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Notes columns, and what is made of them.
    fn made(makings: &mut Makings, columns: &[&str]) -> Made {
        let from = makings.place();
        for column in columns {
            makings.column((*column).to_owned());
        }
        Made::Between(from, makings.place())
    }

    #[test]
    fn a_name_leads_to_all_behind_it_also_in_a_circle() {
        let mut makings = Makings::default();
        for (name, columns) in [
            ("x", &["y", "z"][..]),
            ("y", &["ssn", "x"]),
            ("a", &["b", "c"]),
        ] {
            let made = made(&mut makings, columns);
            makings.name(name, made);
        }
        let columns = |name: &str| makings.deciding(&set(&[name])).columns;
        assert_eq!(columns("x"), set(&["ssn", "x", "y", "z"]));
        assert_eq!(columns("z"), set(&[]));
    }

    #[test]
    fn what_has_no_name_may_be_meant_by_any() {
        let mut makings = Makings::default();
        let unnamed = made(&mut makings, &["y"]);
        makings.unnamed(unnamed);
        makings.name("y", Made::OfAll);
        assert_eq!(makings.deciding(&set(&[])), Deciding::default());
        let deciding = makings.deciding(&set(&["whatever"]));
        assert_eq!((deciding.columns, deciding.all), (set(&["y"]), true));
    }

    #[test]
    fn pieces_within_pieces_are_looked_at_once_and_all_is_found() {
        let mut makings = Makings::default();
        let outer = makings.place();
        makings.ident("a".to_owned());
        let inner = made(&mut makings, &["b", "c"]);
        makings.column("d".to_owned());
        let all = Made::Between(outer, makings.place());
        for made in [inner, all, inner, all] {
            makings.decides(made);
        }
        let deciding = makings.deciding(&set(&[]));
        assert_eq!(deciding.columns, set(&["a", "b", "c", "d"]));
        assert_eq!(deciding.idents, set(&["a"]));
    }

    #[test]
    fn what_is_taken_over_keeps_its_pieces() {
        let (mut one, mut other) = (Makings::default(), Makings::default());
        made(&mut one, &["a"]);
        let of_other = made(&mut other, &["b"]);
        other.name("x", of_other);
        one.absorb(other);
        assert_eq!(one.deciding(&set(&["x"])).columns, set(&["b"]));
    }
}
