//! How messages show themselves in logs: sizes for data, a bounded piece for names.

use std::fmt;

/// Data of the workload: only its size is shown.
pub(crate) struct Redacted<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// Several values, of which only the number is shown: even sizes can tell.
pub(crate) struct Counted(pub(crate) usize);

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} values>", self.0)
    }
}

/// A name that a peer chose: escaped, and cut so that it can't flood a log.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

/// PostgreSQL cuts identifiers at 63 bytes.
const SHOWN: usize = 63;

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..SHOWN) {
            Some(start) if self.0.len() > SHOWN => {
                write!(f, "\"{}…\"", start.escape_ascii())
            }
            _ => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}
