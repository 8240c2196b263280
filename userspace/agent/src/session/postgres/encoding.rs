//! The encoding of a session's texts: what their bytes mean to the target, which says by which it reads.
//!
//! In those that are let through no byte of a longer character is an ASCII one (`lexing`), so that a text
//! of ASCII alone is the same in all. Other letters are read where they are UTF-8 or Latin-1; in the
//! others a text that has any is opaque. So is one that is sent ahead of answers, where the session isn't
//! in UTF-8: it may be read by an encoding that the target has yet to report.
//!
//! Known limit: that a session leaves UTF-8 by code that weir doesn't see shows with the answer.

use std::sync::Arc;

use bytes::Bytes;
use weir_command::{Opaque, OpaqueReason, Statement};
use weir_wire::postgres::backend::ParameterStatus;

use super::{governed::Governed, prepared::Prepared};

/// How texts are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// In UTF-8, or as the server takes bytes that it doesn't convert.
    #[default]
    Utf8,
    /// Each byte is the character of that number.
    Latin1,
    /// Of which only ASCII is read.
    Other,
}

impl Encoding {
    fn of(value: &[u8]) -> Self {
        match value {
            b"UTF8" | b"UNICODE" | b"SQL_ASCII" => Self::Utf8,
            b"LATIN1" => Self::Latin1,
            _ => Self::Other,
        }
    }

    /// Notes what the target reports.
    pub(super) fn hears(&mut self, status: &ParameterStatus) {
        if status.name().as_ref() == b"client_encoding" {
            *self = Self::of(status.value());
        }
    }
}

impl Governed {
    /// What a text says, read as the target does.
    pub(super) fn read(&mut self, text: &Bytes, types: &[u32]) -> Arc<Prepared> {
        let settled = self.pipeline.is_empty();
        match self.encoding {
            Encoding::Utf8 => self.texts.read(text, types),
            _ if text.is_ascii() => self.texts.read(text, types),
            Encoding::Latin1 if settled => {
                let text: String = text.iter().copied().map(char::from).collect();
                self.texts.read(&text.into(), types)
            }
            Encoding::Latin1 => unread(text, "ahead of answers, weir does not read"),
            Encoding::Other => unread(text, "weir reads in UTF-8 and LATIN1 only"),
        }
    }
}

fn unread(text: &Bytes, why: &str) -> Arc<Prepared> {
    let opaque = Opaque {
        reason: OpaqueReason::Encoding,
        detail: format!("it has other letters than ASCII, which {why}"),
    };
    let text = Bytes::copy_from_slice(text);
    Arc::new(Prepared::of(text, vec![Statement::Opaque(opaque)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_says_what_bytes_mean() {
        let mut encoding = Encoding::default();
        for (name, value, means) in [
            ("client_encoding", "LATIN1", Encoding::Latin1),
            ("TimeZone", "UTF8", Encoding::Latin1),
            ("client_encoding", "EUC_KR", Encoding::Other),
            ("client_encoding", "UTF8", Encoding::Utf8),
        ] {
            encoding.hears(&ParameterStatus::new(name.as_bytes(), value.as_bytes()).unwrap());
            assert_eq!(encoding, means, "{name} {value}");
        }
    }
}
