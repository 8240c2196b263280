//! A value that its key cannot take.

/// Why a value was refused, and the way out where there is one to say.
///
/// Every small type of the configuration parses from text with this one error, so that it can be
/// shown at the place where the text stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidValue {
    message: String,
    help: Option<String>,
}

impl InvalidValue {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong and the way out, in one sentence.
    pub(crate) fn whole(self) -> String {
        match self.help {
            Some(help) => format!("{}: {help}", self.message),
            None => self.message,
        }
    }

    pub(super) fn into_parts(self) -> (String, Option<String>) {
        (self.message, self.help)
    }
}

/// Text of the file as it may stand in a message: bounded, and unable to steer a terminal.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 64;
    let shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    let more = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{shown}{more}`")
}
