//! What a name means at the target: prepared statements and portals, ahead of the target's
//! answers.
//!
//! Drivers pipeline: a Bind names a statement whose Parse has not been answered yet. Up to the next
//! Sync a failed Parse makes the target pass over everything that follows, so within one *segment*
//! (the messages between two Syncs) the latest definition is right, or does not matter. Across
//! segments it isn't: a Parse that failed leaves the name's old meaning in force for the next
//! segment. A name whose meaning hangs on an unanswered earlier segment is therefore [`Unsettled`]:
//! wait for the answers, then ask again.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

use weir_command::{Command, Control};

/// The longest name that the server tells from others, in bytes (`NAMEDATALEN - 1`).
pub(super) const EXACT_BYTES: usize = 63;

/// Whether the server keeps a name as it is: it cuts long ones, and may convert other characters
/// than ASCII, so that two names that differ here are one there.
#[must_use]
pub(super) fn is_exact(name: &[u8]) -> bool {
    name.len() <= EXACT_BYTES && name.is_ascii()
}

/// All names that a command says, what it sets included, some more than once.
pub(super) fn within(command: &Command) -> impl Iterator<Item = &str> {
    let objects = command.objects.iter().flat_map(|object| {
        let scopes = [object.database.as_deref(), object.schema.as_deref()];
        let scopes = scopes.map(Option::unwrap_or_default);
        scopes.into_iter().chain([object.name.as_str()])
    });
    let columns = &command.columns;
    let sets = [
        &columns.named,
        &columns.deciding,
        &columns.written,
        &columns.unread,
        &command.functions,
        &command.operators,
    ];
    let names = sets.into_iter().flatten().map(String::as_str);
    objects.chain(names).chain(controlled(&command.control))
}

/// What later messages hang on, by its names and values.
fn controlled(control: &Control) -> impl Iterator<Item = &str> {
    let (name, value) = match control {
        Control::Prepare { name }
        | Control::Execute { name }
        | Control::Declare { name }
        | Control::Fetch { name } => (Some(name), None),
        Control::Deallocate { name } | Control::Close { name } => (name.as_ref(), None),
        Control::Set { name, value } => (Some(name), value.as_ref()),
        Control::None | Control::Copy(_) | Control::Discard => (None, None),
    };
    name.into_iter().chain(value).map(String::as_str)
}

/// The number of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment(u64);

impl Segment {
    /// The one after this.
    #[must_use]
    pub(super) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// The name's meaning depends on answers that are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsettled;

/// Names and what they mean.
#[derive(Debug)]
pub(super) struct Names<K, V> {
    settled: HashMap<K, V>,
    pending: VecDeque<Pending<K, V>>,
}

#[derive(Debug)]
struct Pending<K, V> {
    segment: Segment,
    change: Change<K, V>,
}

/// A change of names that the target has yet to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<K, V> {
    /// The name means this.
    Define(K, V),
    /// The name means nothing.
    Remove(K),
    /// No name means anything.
    Clear,
}

impl<K: Eq + Hash, V: Clone> Names<K, V> {
    /// No names.
    #[must_use]
    pub(super) fn new() -> Self {
        Self {
            settled: HashMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// What `name` will mean when a message of `segment` that is sent now is carried out.
    pub(super) fn get<Q>(&self, name: &Q, segment: Segment) -> Result<Option<V>, Unsettled>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        for pending in self.pending.iter().rev() {
            let meaning = match &pending.change {
                Change::Define(key, value) if key.borrow() == name => Some(value.clone()),
                Change::Remove(key) if key.borrow() == name => None,
                Change::Clear => None,
                _ => continue,
            };
            return if pending.segment == segment {
                Ok(meaning)
            } else {
                Err(Unsettled)
            };
        }
        Ok(self.settled.get(name).cloned())
    }

    /// Notes a change that was sent. Confirm or drop changes in the order they were noted.
    pub(super) fn note(&mut self, segment: Segment, change: Change<K, V>) {
        self.pending.push_back(Pending { segment, change });
    }

    /// The target did the oldest noted change.
    pub(super) fn confirm(&mut self) {
        match self.pending.pop_front().map(|pending| pending.change) {
            Some(Change::Define(key, value)) => {
                self.settled.insert(key, value);
            }
            Some(Change::Remove(key)) => {
                self.settled.remove(&key);
            }
            Some(Change::Clear) => self.settled.clear(),
            None => {}
        }
    }

    /// The target did not, and will not, do the oldest noted change.
    pub(super) fn drop_oldest(&mut self) {
        self.pending.pop_front();
    }

    /// Forgets settled names that `keep` does not hold on to.
    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.settled.retain(|_, value| keep(value));
    }

    /// How many changes are unconfirmed.
    #[must_use]
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// How many names there are, settled and to come.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.settled.len() + self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names<&'static str, u8> {
        Names::new()
    }

    #[test]
    fn within_a_segment_the_latest_definition_holds() {
        let (mut n, s) = (names(), Segment::default());
        n.note(s, Change::Define("a", 1));
        n.note(s, Change::Remove("a"));
        assert_eq!(n.get("a", s), Ok(None));
        n.note(s, Change::Define("a", 2));
        assert_eq!(n.get("a", s), Ok(Some(2)));
    }

    #[test]
    fn across_segments_an_unanswered_change_is_unsettled() {
        let (mut n, s) = (names(), Segment::default());
        n.note(s, Change::Define("a", 1));
        n.confirm();
        n.note(s, Change::Define("a", 2));
        assert_eq!(n.get("a", s.next()), Err(Unsettled));
        assert_eq!(n.get("b", s.next()), Ok(None));
        n.drop_oldest();
        assert_eq!(
            n.get("a", s.next()),
            Ok(Some(1)),
            "a failed redefinition leaves the old one"
        );
    }

    #[test]
    fn only_names_that_the_server_keeps_as_they_are_are_exact() {
        assert!(is_exact(b"") && is_exact("a".repeat(63).as_bytes()));
        assert!(!is_exact("a".repeat(64).as_bytes()));
        assert!(!is_exact("\u{e9}".as_bytes()));
    }

    #[test]
    fn clearing_hides_every_name() {
        let (mut n, s) = (names(), Segment::default());
        n.note(s, Change::Define("a", 1));
        n.note(s, Change::Clear);
        assert_eq!(n.get("a", s), Ok(None));
        assert_eq!(n.get("a", s.next()), Err(Unsettled));
        n.confirm();
        n.confirm();
        assert_eq!(n.len(), 0);
    }
}
