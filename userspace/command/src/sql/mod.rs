//! SQL text in PostgreSQL's dialect to [`Statement`]s.

use crate::model::{Opaque, OpaqueReason, Statement};

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

fn unread() -> Statement {
    Statement::Opaque(Opaque { reason: OpaqueReason::Unsupported, detail: "not read yet".to_owned() })
}

/// Reads a query string as the server would: every statement of it, in order, never fewer.
///
/// An empty string (or only comments and semicolons) is one [`Verb::Empty`](crate::Verb::Empty).
/// What cannot be read makes the whole text one [`Statement::Opaque`], because the bounds of the
/// other statements are then not known either.
#[must_use]
pub fn statements(_text: &[u8], _limits: &Limits) -> Vec<Statement> {
    vec![unread()]
}

/// The settings in a startup packet's `options` parameter, or `None` where it can't be read with
/// certainty.
#[must_use]
pub fn startup_settings(_options: &str) -> Option<Vec<(String, String)>> {
    None
}

/// What `SET name = value` (`RESET name` for no value) would be, for startup parameters.
#[must_use]
pub fn setting(_name: &str, _value: Option<&str>) -> Statement {
    unread()
}

/// The protocol's fast-path function call.
#[must_use]
pub fn function_call() -> Statement {
    unread()
}
