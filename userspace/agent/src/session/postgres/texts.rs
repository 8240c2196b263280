//! The texts that a session has read, so that what comes again is not read again; their skeletons, so that
//! what differs from one only in its values is not either; and what they were read as, so that what is read
//! alike is not judged again.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use bytes::Bytes;
use weir_command::{Statement, sql};

use super::{prepared::Prepared, reading::Reading};

/// Most texts, skeletons and readings that a session remembers; past it the memory starts anew.
const MOST: usize = 512;
/// Longest text that is remembered, in bytes.
const LONGEST: usize = 16 * 1024;

/// The texts, and their readings.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: HashMap<Bytes, Arc<Prepared>>,
    skeletons: HashMap<Box<[u8]>, Arc<Reading>>,
    readings: HashMap<Arc<[Statement]>, Arc<Reading>>,
}

impl Texts {
    /// The reading of `text`, whose parameters are declared with these `types`.
    pub(super) fn read(&mut self, text: &Bytes, types: &[u32]) -> Arc<Prepared> {
        if let Some(known) = self.texts.get(text)
            && known.types() == types
        {
            return Arc::clone(known);
        }
        let mut skeleton = Vec::new();
        let has_skeleton = sql::skeleton(text, &mut skeleton);
        let alike = self.skeletons.get(skeleton.as_slice());
        if has_skeleton && let Some(reading) = alike {
            // Its like come with other values each time: it is not remembered.
            let text = Bytes::copy_from_slice(text);
            return Arc::new(Prepared::new(text, types, Arc::clone(reading)));
        }
        let statements = sql::statements(text, &sql::Limits::default());
        let short = text.len() <= LONGEST;
        let reading = self.reading(statements, short);
        // A session that says one thing holds no more for it.
        if has_skeleton && !self.texts.is_empty() && reading.is_of_commands() {
            remember(&mut self.skeletons, skeleton.into(), &reading);
        }
        // A copy: the text shares its buffer with whatever else was read with it.
        let text = Bytes::copy_from_slice(text);
        let prepared = Arc::new(Prepared::new(text.clone(), types, reading));
        if short {
            remember(&mut self.texts, text, &prepared);
        }
        prepared
    }

    fn reading(&mut self, statements: Vec<Statement>, remembers: bool) -> Arc<Reading> {
        if let Some(known) = self.readings.get(statements.as_slice()) {
            return Arc::clone(known);
        }
        let reading = Arc::new(Reading::of(statements));
        if remembers {
            let statements = Arc::clone(reading.statements());
            remember(&mut self.readings, statements, &reading);
        }
        reading
    }
}

fn remember<K: Eq + Hash, V>(known: &mut HashMap<K, Arc<V>>, key: K, value: &Arc<V>) {
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(key, Arc::clone(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_a_literal_is_one_reading_and_nothing_else_is() {
        let mut texts = Texts::default();
        let mut read = |text: &str| texts.read(&Bytes::copy_from_slice(text.as_bytes()), &[]);
        let one = read("SELECT a FROM t WHERE b = 1");
        for same in [
            "SELECT a FROM t WHERE b = 2",
            "select a from t where b = 'x'",
            "SELECT a FROM t WHERE b = 1 -- again",
        ] {
            let other = read(same);
            assert!(std::ptr::eq(one.statements(), other.statements()), "{same}");
            assert_eq!(other.text(), same.as_bytes());
        }
        for other in [
            "SELECT a FROM u WHERE b = 1",
            "SELECT a FROM t WHERE c = 1",
            "SELECT b FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b > 1",
            "SELECT a FROM t WHERE b = 1 LIMIT 1",
            "SELECT f(a) FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = 1; SELECT a FROM t WHERE b = 1",
        ] {
            let other = read(other);
            assert_ne!(one.statements(), other.statements());
        }
        for (one, other) in [
            ("SET search_path = a", "SET search_path = b"),
            ("EXECUTE a", "EXECUTE b"),
            ("FETCH 1 FROM c", "FETCH 2 FROM c"),
            ("SELECT FROM t LIMIT 1", "SELECT FROM t LIMIT 2"),
        ] {
            assert_ne!(read(one).statements(), read(other).statements());
        }
    }

    #[test]
    fn what_differs_in_a_value_is_not_read_again() {
        let mut texts = Texts::default();
        let mut read = |text: &str| texts.read(&Bytes::copy_from_slice(text.as_bytes()), &[]);
        let one = read("SELECT a FROM t WHERE b = 1");
        read("SELECT a FROM t WHERE b = 2");
        let other = read("SELECT a FROM t WHERE b = 4");
        assert!(std::ptr::eq(one.statements(), other.statements()));
        assert_eq!(other.text(), &b"SELECT a FROM t WHERE b = 4"[..]);
        // From the second on it is known that others come.
        assert_eq!((texts.texts.len(), texts.skeletons.len()), (2, 1));
        // Types are the message's own.
        let typed = texts.read(&Bytes::from_static(b"SELECT a FROM t WHERE b = 3"), &[23]);
        assert_eq!(typed.types(), [23]);
    }

    #[test]
    fn what_is_opaque_is_read_each_time() {
        let mut texts = Texts::default();
        for text in [
            "SELECT a FROM t WHERE b = 1 FROM",
            "SELECT a FROM t WHERE b = 23 FROM",
        ] {
            let read = texts.read(&Bytes::from_static(text.as_bytes()), &[]);
            let afresh = sql::statements(text.as_bytes(), &sql::Limits::default());
            assert_eq!(read.statements(), afresh);
        }
        assert_eq!(texts.skeletons.len(), 0);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut texts = Texts::default();
        for number in 0..3 * MOST {
            let text = format!("SELECT a FROM t{number}");
            texts.read(&Bytes::from(text), &[]);
        }
        assert!(texts.texts.len() <= MOST && texts.readings.len() <= MOST);
        assert!(texts.skeletons.len() <= MOST);
        let long = format!("SELECT a FROM long WHERE b = '{}'", "x".repeat(LONGEST));
        let before = (texts.texts.len(), texts.readings.len());
        texts.read(&Bytes::from(long), &[]);
        assert_eq!(before, (texts.texts.len(), texts.readings.len()));
    }
}
