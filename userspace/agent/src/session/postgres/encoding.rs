//! The encoding of a session's texts: what their bytes mean to the target, which says by which it reads.
//!
//! In those that are let through no byte of a longer character is an ASCII one (`lexing`), so that a text
//! of ASCII alone is the same in all. Other letters are read where they are UTF-8 or Latin-1; in the
//! others a text that has any is opaque. So is one that is sent ahead of answers, or of the Sync behind
//! which the target reports a change, where the session has not always been in UTF-8: by `SET` it goes
//! there, but by `RESET ALL`, `DISCARD ALL` or a `ROLLBACK` back to where it began.
//!
//! Names are kept in the database's encoding, and cut there. In another than UTF-8 a text is opaque where it
//! has a name that may be another there: one that was cut here, or that letters may be folded in.
//!
//! Known limit: that a session leaves UTF-8 by code that weir doesn't see shows with the answer.

use std::sync::Arc;

use bytes::Bytes;
use weir_command::{Opaque, OpaqueReason, Statement};
use weir_wire::postgres::backend::ParameterStatus;

use super::{governed::Governed, names, prepared::Prepared};

/// How texts are encoded, as far as the target has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    now: Letters,
    /// It was another than UTF-8 once, and may be so again.
    varies: bool,
    stored: Stored,
}

/// How the database keeps names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stored {
    /// In UTF-8.
    #[default]
    Utf8,
    /// Each letter is a byte, and those that are not quoted are folded by the database's locale.
    Bytewise,
    /// As whatever bytes come: nothing is converted.
    AsSent,
    /// In a way of which weir knows no more.
    Otherwise,
}

impl Stored {
    fn of(value: &[u8]) -> Self {
        // How the names of those begin that a database may be in, and in which a letter is a byte.
        let bytewise = [&b"LATIN"[..], b"ISO_8859_", b"KOI8", b"WIN"];
        match value {
            b"UTF8" | b"UNICODE" => Self::Utf8,
            b"SQL_ASCII" => Self::AsSent,
            _ if bytewise.iter().any(|family| value.starts_with(family)) => Self::Bytewise,
            _ => Self::Otherwise,
        }
    }

    /// Whether a name is there what it is here.
    fn keeps(self, name: &str) -> bool {
        // Where one was cut, up to three bytes of a letter went with the rest.
        let whole = || name.len() < names::EXACT_BYTES - 3;
        let folded = |letter: char| !letter.is_ascii() && !letter.to_lowercase().eq([letter]);
        name.is_ascii()
            || match self {
                Self::Utf8 => true,
                Self::Bytewise => whole() && !name.contains(folded),
                Self::AsSent | Self::Otherwise => false,
            }
    }
}

/// How letters other than ASCII are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Letters {
    /// In UTF-8.
    #[default]
    Utf8,
    /// As the database keeps them.
    Unconverted,
    /// Each byte is the character of that number.
    Latin1,
    /// In a way that weir doesn't read.
    Other,
}

impl Letters {
    fn of(value: &[u8]) -> Self {
        match value {
            b"UTF8" | b"UNICODE" => Self::Utf8,
            b"SQL_ASCII" => Self::Unconverted,
            b"LATIN1" => Self::Latin1,
            _ => Self::Other,
        }
    }
}

impl Encoding {
    /// Whether it was ever another than UTF-8.
    pub(super) fn varies(&self) -> bool {
        self.varies
    }

    /// Notes what the target reports.
    pub(super) fn hears(&mut self, status: &ParameterStatus) {
        match status.name().as_ref() {
            b"client_encoding" => self.now = Letters::of(status.value()),
            b"server_encoding" => self.stored = Stored::of(status.value()),
            _ => return,
        }
        self.varies |= self.letters() != Letters::Utf8;
    }

    /// How letters are encoded. What is not converted is read where it is UTF-8.
    fn letters(self) -> Letters {
        match (self.now, self.stored) {
            (_, Stored::AsSent) | (Letters::Unconverted, Stored::Utf8) => Letters::Utf8,
            (now, _) => now,
        }
    }
}

impl Governed {
    /// What a text says, read as the target does.
    pub(super) fn read(&mut self, text: &Bytes, types: &[u32]) -> Arc<Prepared> {
        if text.is_ascii() {
            return self.texts.read(text, types);
        }
        let settled = self.pipeline.is_empty() && !self.path.is_open();
        let prepared = match self.encoding.letters() {
            Letters::Other | Letters::Unconverted => {
                return unread(text, "weir reads in UTF-8 and LATIN1 only");
            }
            _ if self.encoding.varies && !settled => {
                return unread(
                    text,
                    "weir does not read ahead of answers, or before a Sync, where a session was in \
                     another encoding than UTF-8",
                );
            }
            Letters::Utf8 => self.texts.read(text, types),
            Letters::Latin1 => {
                let text: String = text.iter().copied().map(char::from).collect();
                self.texts.read(&text.into(), types)
            }
        };
        let stored = self.encoding.stored;
        if stored != Stored::Utf8 && !is_kept(&prepared, stored) {
            return unread(
                text,
                "a database in another encoding than UTF-8 may keep as another name",
            );
        }
        prepared
    }
}

fn is_kept(prepared: &Prepared, stored: Stored) -> bool {
    prepared
        .statements()
        .iter()
        .all(|statement| match statement {
            Statement::Command(command) => names::within(command).all(|name| stored.keeps(name)),
            Statement::Opaque(_) => true,
        })
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
            ("server_encoding", "UTF8", Letters::Utf8, false),
            ("client_encoding", "UTF8", Letters::Utf8, false),
            ("client_encoding", "SQL_ASCII", Letters::Utf8, false),
            ("client_encoding", "LATIN1", Letters::Latin1, true),
            ("TimeZone", "UTF8", Letters::Latin1, true),
            ("client_encoding", "EUC_KR", Letters::Other, true),
            ("client_encoding", "UTF8", Letters::Utf8, true),
        ] {
            encoding.hears(&ParameterStatus::new(name.as_bytes(), value.as_bytes()).unwrap());
            assert_eq!(
                (encoding.letters(), encoding.varies),
                (means, varies),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn what_is_not_converted_is_as_the_database_keeps_it() {
        let mut encoding = Encoding::default();
        for (name, value) in [
            ("client_encoding", "SQL_ASCII"),
            ("server_encoding", "LATIN1"),
        ] {
            encoding.hears(&ParameterStatus::new(name.as_bytes(), value.as_bytes()).unwrap());
        }
        assert_eq!(encoding.letters(), Letters::Unconverted);
        assert!(encoding.varies);
    }

    #[test]
    fn a_database_keeps_names_that_it_neither_cuts_nor_folds_otherwise() {
        let [long, short] = [30, 29].map(|letters| "é".repeat(letters));
        for (encoding, name, kept) in [
            ("UTF8", "É", true),
            ("UTF8", long.as_str(), true),
            ("LATIN1", "É", false),
            ("LATIN1", "é", true),
            ("LATIN1", "Name", true),
            ("LATIN1", &long, false),
            ("LATIN1", &short, true),
            ("WIN1252", "é", true),
            ("SQL_ASCII", "é", false),
            ("SQL_ASCII", &"a".repeat(63), true),
            ("EUC_JP", "é", false),
        ] {
            let stored = Stored::of(encoding.as_bytes());
            assert_eq!(stored.keeps(name), kept, "{encoding} {name}");
        }
    }
}
