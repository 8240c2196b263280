//! What this host can do, found out by trying.

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What was tried.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How a probe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As weir needs it.
    Ok,
    /// Weir can't enforce without it.
    Missing,
    /// Weir enforces, but less.
    Degraded,
}

/// Tries everything the engine needs, changing nothing.
pub fn probe() -> Vec<Probe> {
    Vec::new()
}
