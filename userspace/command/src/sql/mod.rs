//! SQL text in PostgreSQL's dialect to [`Statement`]s.

use crate::model::Statement;

/// What one text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest text that is parsed, in bytes.
    pub bytes: usize,
    /// Most statements in one text.
    pub statements: usize,
    /// Deepest nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, statements: 1000, depth: 50 }
    }
}

/// Reads a query string as the server would: every statement of it, in order, never fewer.
///
/// An empty string (or only comments and semicolons) is one [`Verb::Empty`](crate::Verb::Empty).
/// What cannot be read makes the whole text one [`Statement::Opaque`], because the bounds of the
/// other statements are then not known either.
#[must_use]
pub fn statements(_text: &[u8], _limits: &Limits) -> Vec<Statement> {
    Vec::new()
}
