//! What the prepared statements and portals of a session hold of the memory that all sessions share:
//! counted once, by whoever holds it first, and given back when the last lets go.
//!
//! A portal keeps nothing of the parameters that were bound to it. Not counted is what passes through:
//! how much of that there is `[engine]`'s `max_message` and the buffers bound.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use weir_command::Statement;

use super::{governed::SessionError, names};

/// Most bytes that the prepared statements and portals of one session may hold.
pub(super) const MOST_BYTES: usize = 64 << 20;
/// The most that one of them counts as. A message may be longer, and then is the only one that is.
const LARGEST: usize = MOST_BYTES / 2;
/// What each holds beside what it says: its place, its permit, and what was judged of it.
const EACH: usize = 1 << 10;
/// What a name holds beside its letters.
const NAME: usize = 64;
/// What is known of one column of a portal's rows.
const COLUMN: usize = 128;

/// What a session holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<AtomicUsize>);

/// A part of it, for as long as this lives.
#[derive(Debug)]
pub(super) struct Lease {
    held: Held,
    bytes: AtomicUsize,
}

impl Held {
    /// Whether there is room for one more.
    pub(super) fn room(&self) -> Result<(), SessionError> {
        if self.0.load(Ordering::Relaxed) < MOST_BYTES {
            Ok(())
        } else {
            Err(SessionError::TooMany {
                what: "bytes of prepared statements and portals",
                limit: MOST_BYTES,
            })
        }
    }

    /// Counts one that holds this many bytes of its own.
    #[must_use]
    pub(super) fn lease(&self, bytes: usize) -> Lease {
        let bytes = bytes.saturating_add(EACH).min(LARGEST);
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Lease {
            held: self.clone(),
            bytes: AtomicUsize::new(bytes),
        }
    }
}

impl Lease {
    /// Counts what is known of so many columns, too.
    pub(super) fn describes(&self, columns: usize) {
        let bytes = columns.saturating_mul(COLUMN).min(LARGEST);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.held.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.held.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// About how many bytes statements take up, as they are read.
#[must_use]
pub(super) fn weight(statements: &[Statement]) -> usize {
    let own = size_of_val(statements);
    let parts = statements.iter().map(|statement| match statement {
        Statement::Command(command) => {
            let names = names::within(command).map(|name| NAME + name.len());
            size_of_val(&**command) + names.sum::<usize>()
        }
        Statement::Opaque(opaque) => opaque.detail.len(),
    });
    own + parts.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::{EACH, Held, LARGEST, MOST_BYTES};
    use crate::session::postgres::{prepared::Prepared, texts::Texts};

    fn bytes(held: &Held) -> usize {
        held.0.load(super::Ordering::Relaxed)
    }

    /// A text that no memory but its statement's own has.
    fn long(number: usize) -> Bytes {
        let filling = "x".repeat(1 << 19);
        format!("SELECT a FROM t{number} WHERE b = '{filling}'").into()
    }

    #[test]
    fn each_is_counted_once_and_given_back() {
        let (held, mut texts) = (Held::default(), Texts::default());
        let one = texts.read(&long(1), &[]);
        assert_eq!(bytes(&held), 0);
        one.hold(&held);
        let first = bytes(&held);
        assert!(first > 1 << 19 && first < 1 << 20, "{first}");
        // Under another name, and in a portal.
        let again = Arc::clone(&one);
        again.hold(&held);
        assert_eq!(bytes(&held), first);
        drop(one);
        assert_eq!(bytes(&held), first);
        drop(again);
        assert_eq!(bytes(&held), 0);
    }

    #[test]
    fn what_several_are_read_as_is_counted_once() {
        let (held, mut texts) = (Held::default(), Texts::default());
        let columns: Vec<String> = (0..1000).map(|number| format!("column{number}")).collect();
        let text = |value| format!("SELECT {} FROM t WHERE b = {value}", columns.join(", "));
        let mut read = |value| texts.read(&text(value).into(), &[]);
        let all = [1, 2, 3].map(&mut read);
        all[0].hold(&held);
        let first = bytes(&held);
        assert!(first > 1000 * super::NAME, "{first}");
        all[1].hold(&held);
        all[2].hold(&held);
        assert!(bytes(&held) < first + 2 * (text(1).len() + 2 * EACH));
    }

    #[test]
    fn a_part_of_a_text_counts_the_text_once_for_all() {
        let held = Held::default();
        let whole = Prepared::read(long(1));
        let parts = [(); 10].map(|()| whole.part(Vec::new(), &held));
        parts.iter().for_each(|part| part.hold(&held));
        drop(whole);
        let all = bytes(&held);
        assert!(all > 1 << 19 && all < 1 << 20, "{all}");
        let [last, others @ ..] = parts;
        drop(others);
        assert!(bytes(&held) > 1 << 19);
        drop(last);
        assert_eq!(bytes(&held), 0);
    }

    #[test]
    fn there_is_room_until_the_limit_and_again_below() {
        let held = Held::default();
        let largest = held.lease(MOST_BYTES);
        // One message that is longer than all may be leaves room for others.
        assert_eq!(bytes(&held), LARGEST);
        held.room().unwrap();
        let more = held.lease(LARGEST);
        let error = held.room().unwrap_err().to_string();
        assert_eq!(
            error,
            "the session holds more than 67108864 bytes of prepared statements and portals"
        );
        drop(more);
        held.room().unwrap();
        largest.describes(1000);
        assert_eq!(bytes(&held), LARGEST + 1000 * super::COLUMN);
        drop(largest);
        assert_eq!(bytes(&held), 0);
    }
}
