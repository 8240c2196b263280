//! The columns of a row, one after the other.

use std::fmt;
use std::iter::FusedIterator;

use crate::postgres::redact::Counted;

/// The columns of a row in order; `None` is NULL.
#[derive(Clone)]
pub struct Columns<'a> {
    rest: &'a [u8],
    left: u16,
}

impl<'a> Columns<'a> {
    /// So many columns, and what may follow them.
    pub(super) fn new(rest: &'a [u8], left: u16) -> Self {
        Self { rest, left }
    }

    /// What was not given out yet, as it stands on the wire.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next one; nothing where there is none, or none that is whole.
    pub(super) fn step(&mut self) -> Option<Option<&'a [u8]>> {
        let left = self.left.checked_sub(1)?;
        let (length, rest) = self.rest.split_first_chunk()?;
        let (value, rest) = match i32::from_be_bytes(*length) {
            -1 => (None, rest),
            length => {
                let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), rest)
            }
        };
        (self.rest, self.left) = (rest, left);
        Some(value)
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        // Whoever made this has taken the same steps over the same bytes, so none fails here.
        self.step()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Columns<'_> {}
impl FusedIterator for Columns<'_> {}

impl fmt::Debug for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Columns")
            .field(&Counted(self.len()))
            .finish()
    }
}
