//! The encoding of a session's texts: what their bytes mean to the target, which says by which it reads.
//!
//! In those that are let through no byte of a longer character is an ASCII one (`lexing`), so that a text
//! of ASCII alone is the same in all. Other letters are read where they are UTF-8 or Latin-1; in the
//! others a text that has any is opaque. So is one that is sent ahead of answers, or of the Sync behind
//! which the target reports a change, where the session has not always been in UTF-8: by `SET` it goes
//! there, but by `RESET ALL`, `DISCARD ALL` or a `ROLLBACK` back to where it began.
//!
//! Known limit: that a session leaves UTF-8 by code that weir doesn't see shows with the answer.

use std::sync::Arc;

use bytes::Bytes;
use weir_command::{Opaque, OpaqueReason, Statement};
use weir_wire::postgres::backend::ParameterStatus;

use super::{governed::Governed, prepared::Prepared};

/// How texts are encoded, as far as the target has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    now: Letters,
    /// It was another than UTF-8 once, and may be so again.
    varies: bool,
}

/// How letters other than ASCII are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Letters {
    /// In UTF-8, or as the server takes bytes that it doesn't convert.
    #[default]
    Utf8,
    /// Each byte is the character of that number.
    Latin1,
    /// In a way that weir doesn't read.
    Other,
}

impl Letters {
    fn of(value: &[u8]) -> Self {
        match value {
            b"UTF8" | b"UNICODE" | b"SQL_ASCII" => Self::Utf8,
            b"LATIN1" => Self::Latin1,
            _ => Self::Other,
        }
    }
}

impl Encoding {
    /// Notes what the target reports.
    pub(super) fn hears(&mut self, status: &ParameterStatus) {
        if status.name().as_ref() == b"client_encoding" {
            self.now = Letters::of(status.value());
            self.varies |= self.now != Letters::Utf8;
        }
    }
}

impl Governed {
    /// What a text says, read as the target does.
    pub(super) fn read(&mut self, text: &Bytes, types: &[u32]) -> Arc<Prepared> {
        if !self.encoding.varies || text.is_ascii() {
            return self.texts.read(text, types);
        }
        let settled = self.pipeline.is_empty() && !self.path.is_open();
        match self.encoding.now {
            Letters::Other => unread(text, "weir reads in UTF-8 and LATIN1 only"),
            _ if !settled => unread(
                text,
                "weir does not read ahead of answers, or before a Sync, where a session was in another \
                 encoding than UTF-8",
            ),
            Letters::Utf8 => self.texts.read(text, types),
            Letters::Latin1 => {
                let text: String = text.iter().copied().map(char::from).collect();
                self.texts.read(&text.into(), types)
            }
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
        for (name, value, means, varies) in [
            ("client_encoding", "UTF8", Letters::Utf8, false),
            ("client_encoding", "LATIN1", Letters::Latin1, true),
            ("TimeZone", "UTF8", Letters::Latin1, true),
            ("client_encoding", "EUC_KR", Letters::Other, true),
            ("client_encoding", "UTF8", Letters::Utf8, true),
        ] {
            encoding.hears(&ParameterStatus::new(name.as_bytes(), value.as_bytes()).unwrap());
            assert_eq!(encoding, Encoding { now: means, varies }, "{name} {value}");
        }
    }
}
