//! What ErrorResponse and NoticeResponse carry. 55.8 "Error and Notice Message Fields".

mod builder;

use std::fmt;

use bytes::Bytes;

use super::SqlState;
use crate::WireError;
use crate::postgres::frame::Frame;
use crate::postgres::reader::Reader;
use crate::postgres::redact::Redacted;
use crate::postgres::writer::Writer;

pub use builder::DiagnosticBuilder;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
    /// All sessions end.
    Panic,
    /// Likely not what was meant.
    Warning,
    /// Good to know.
    Notice,
    /// For developers.
    Debug,
    /// Asked for.
    Info,
    /// For administrators.
    Log,
}

impl Severity {
    const ALL: [Self; 8] = [
        Self::Error,
        Self::Fatal,
        Self::Panic,
        Self::Warning,
        Self::Notice,
        Self::Debug,
        Self::Info,
        Self::Log,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Log => "LOG",
        }
    }
}

/// The fields of an error or notice, in the order sent. No code stands twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Diagnostic {
    fields: Vec<(u8, Bytes)>,
}

impl Diagnostic {
    /// All fields: the field's code, and its text in the client's encoding.
    #[must_use]
    pub fn fields(&self) -> &[(u8, Bytes)] {
        &self.fields
    }

    /// One field by its code: `S` severity, `V` the same never translated, `C` SQLSTATE, `M`
    /// message, `D` detail, `H` hint, `P` position, `W` context, `s` schema, `t` table, `c`
    /// column, `n` constraint.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&Bytes> {
        self.fields
            .iter()
            .find(|(known, _)| *known == code)
            .map(|(_, text)| text)
    }

    /// The severity, by the field that is never translated (PostgreSQL 9.6 and later), else by
    /// the other.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        let word = self.get(b'V').or_else(|| self.get(b'S'))?;
        Severity::ALL
            .into_iter()
            .find(|severity| severity.as_str().as_bytes() == word)
    }

    /// The SQLSTATE code.
    #[must_use]
    pub fn sql_state(&self) -> Option<SqlState> {
        SqlState::parse(self.get(b'C')?)
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Option<&Bytes> {
        self.get(b'M')
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, WireError> {
        let mut fields: Vec<(u8, Bytes)> = Vec::new();
        loop {
            let offset = reader.offset();
            let code = reader.u8("field code")?;
            if code == 0 {
                reader.finish()?;
                return Ok(Self { fields });
            }
            // Also what bounds the list: there are 255 codes.
            if fields.iter().any(|(known, _)| *known == code) {
                let message = reader.message();
                return Err(WireError::Repeated {
                    message,
                    what: "field code",
                    offset,
                });
            }
            fields.push((code, reader.string("field")?));
        }
    }

    /// A message with these fields; a code of 0 would end them early, and is an error.
    pub(super) fn write(mut writer: Writer, fields: &[(u8, &[u8])]) -> Result<Frame, WireError> {
        for (code, text) in fields {
            if *code == 0 {
                return Err(writer.undefined("field code", 0));
            }
            writer.u8(*code);
            writer.string("field", text)?;
        }
        writer.u8(0);
        writer.finish()
    }

    /// As [`Self::write`], for the fields that [`DiagnosticBuilder`] has bounded.
    pub(super) fn write_bounded(&self, mut writer: Writer) -> Frame {
        for (code, text) in &self.fields {
            writer.u8(*code);
            writer.bytes(text);
            writer.u8(0);
        }
        writer.u8(0);
        writer.finish_bounded()
    }
}

/// Texts may quote values of the workload: only severity and code are shown.
impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diagnostic")
            .field("severity", &self.severity())
            .field("sql_state", &self.sql_state())
            .field("message", &self.message().map(|text| Redacted(text)))
            .finish_non_exhaustive()
    }
}

/// Defines a message that carries a [`Diagnostic`]: ErrorResponse and NoticeResponse.
macro_rules! diagnostic_message {
    ($(#[$doc:meta])* $message:ident, $tag:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $message {
            frame: $crate::postgres::Frame,
            diagnostic: $crate::postgres::backend::Diagnostic,
        }

        $crate::postgres::framed::framed!($message);

        impl $message {
            const NAME: &str = stringify!($message);

            /// Makes the message of these fields, each a code and a text: the way to send one on
            /// with some texts replaced.
            pub fn new(fields: &[(u8, &[u8])]) -> Result<Self, $crate::WireError> {
                let writer = $crate::postgres::writer::Writer::tagged(Self::NAME, $tag);
                Self::decode($crate::postgres::backend::Diagnostic::write(writer, fields)?)
            }

            /// Makes the message of fields that are known to be sendable.
            pub(super) fn bounded(diagnostic: $crate::postgres::backend::Diagnostic) -> Self {
                let writer = $crate::postgres::writer::Writer::tagged(Self::NAME, $tag);
                let frame = diagnostic.write_bounded(writer);
                Self { frame, diagnostic }
            }

            /// Reads the message.
            pub fn decode(frame: $crate::postgres::Frame) -> Result<Self, $crate::WireError> {
                let reader = $crate::postgres::reader::Reader::tagged(Self::NAME, $tag, &frame)?;
                let diagnostic = $crate::postgres::backend::Diagnostic::read(reader)?;
                Ok(Self { frame, diagnostic })
            }

            /// What it says.
            #[must_use]
            pub fn diagnostic(&self) -> &$crate::postgres::backend::Diagnostic {
                &self.diagnostic
            }

            /// One field of what it says, by its code: see
            /// [`Diagnostic::get`]($crate::postgres::backend::Diagnostic::get).
            #[must_use]
            pub fn get(&self, code: u8) -> Option<&::bytes::Bytes> {
                self.diagnostic.get(code)
            }
        }
    };
}

pub(super) use diagnostic_message;

#[cfg(test)]
mod tests;
