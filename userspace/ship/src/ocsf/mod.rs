//! Weir's events in the words of the Open Cybersecurity Schema Framework (OCSF), version 1.5.
//!
//! Job: one event in, one JSON object of the right class out, with every attribute that its class
//! demands. Pure: no clock, no file, no socket. `OCSF.md` beside this crate has the whole table.
//!
//! Not its job: deciding what is shipped and where to.
//!
//! Known limits: an event that OCSF has no class for is a Base Event whose `unmapped` holds it whole.
//! A statement's text is cut at [`LONGEST_TEXT`], and says so; the record has all of it. Values that
//! an agent sent beside the text stay in the record.

mod actor;
mod audit;
mod class;
mod command;
mod endpoint;
mod envelope;
mod session;

pub use audit::audit;
pub use session::SessionEvents;
pub(crate) use session::untold;

/// The version of the schema, as `metadata.version` has it.
pub const VERSION: &str = "1.5.0";

/// The most of a statement's text that an event holds, in bytes.
pub const LONGEST_TEXT: usize = 32 << 10;

/// The host that events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: String,
}

impl Host {
    /// The host of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// As the kernel calls this host.
    #[must_use]
    pub fn own() -> Self {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self::new(match name.trim() {
            "" => "localhost",
            name => name,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The beginning of a text, of this many bytes at most and on a character's boundary; whether that
/// is less than all of it.
fn cut(text: &str, most: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(most);
    text.split_at_checked(end)
        .map_or((text, false), |(kept, rest)| (kept, !rest.is_empty()))
}

#[cfg(test)]
mod requirements;
#[cfg(test)]
mod tests;
