//! What a workload asks: bytes to one question, or to the reason why they are none.
//!
//! Everything is bounded before it is read. A query holds one question of class IN about a host
//! name; what a name may hold beyond letters, digits, hyphens and underscores could be read one way
//! by policy and another by a server, so it is refused.

use hickory_proto::{
    op::{Message, OpCode},
    rr::{DNSClass, Name, RecordType},
};

use super::header::Header;
use crate::config::HostName;

/// Longest query that is read.
pub(super) const LONGEST: usize = 4096;
/// Most records beside the question: OPT and a signature.
const MOST_ADDITIONALS: u16 = 2;

/// One query of a workload.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) header: Header,
    pub(super) question: Question,
    /// The name as it was asked, with its capitals: an answer repeats them.
    pub(super) as_asked: Name,
    pub(super) recursion_desired: bool,
    pub(super) checking_disabled: bool,
    /// The largest datagram that the asker takes; `None` where it doesn't speak EDNS.
    pub(super) payload: Option<u16>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: HostName,
    pub(super) record_type: RecordType,
}

/// Bytes that hold no question that could be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// `None` where nothing may be answered: to answer answers could go on for ever.
    pub(super) answer: Option<(Header, Code)>,
    pub(super) why: &'static str,
}

/// The codes that malformed queries are answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    FormErr = 1,
    NotImp = 4,
    Refused = 5,
}

impl Query {
    /// Reads a query.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let header = Header::read(bytes).ok_or(Malformed {
            answer: None,
            why: "shorter than a header",
        })?;
        if header.is_response() {
            return Err(Malformed {
                answer: None,
                why: "an answer, not a query",
            });
        }
        let wrong = |code, why| Malformed {
            answer: Some((header, code)),
            why,
        };
        let malformed = |why| wrong(Code::FormErr, why);
        if header.opcode() != OpCode::Query {
            return Err(wrong(Code::NotImp, "an operation other than a query"));
        }
        if bytes.len() > LONGEST {
            return Err(malformed("longer than 4 KiB"));
        }
        if header.questions != 1 {
            return Err(malformed("not exactly one question"));
        }
        if header.is_truncated() || header.answers != 0 || header.authorities != 0 {
            return Err(malformed("answers in a query"));
        }
        if header.additionals > MOST_ADDITIONALS {
            return Err(malformed("too many additional records"));
        }
        let message = Message::from_vec(bytes).map_err(|_| malformed("not a DNS message"))?;
        let payload = message.edns.as_ref().map(|edns| edns.max_payload());
        if message.version() != 0 {
            return Err(malformed("a version of EDNS other than 0"));
        }
        let [asked] = message.queries.as_slice() else {
            return Err(malformed("not exactly one question"));
        };
        if asked.query_class != DNSClass::IN {
            return Err(wrong(Code::Refused, "a class other than IN"));
        }
        let name =
            host_name(&asked.name).ok_or(wrong(Code::Refused, "a name that no host can have"))?;
        Ok(Self {
            header,
            question: Question {
                name,
                record_type: asked.query_type,
            },
            as_asked: asked.name.clone(),
            recursion_desired: message.recursion_desired,
            checking_disabled: message.checking_disabled,
            payload,
        })
    }
}

impl Question {
    /// The name of its record type, as policies and records have it.
    pub(super) fn type_name(&self) -> String {
        type_name(self.record_type)
    }
}

/// The record type and the name in the text of a question on record, `A db.internal`.
pub(crate) fn of_record(text: &str) -> Option<(&str, &str)> {
    text.split_once(' ')
}

/// The name of a record type: `A`, or `TYPE65534` where there is none (RFC 3597).
pub(super) fn type_name(record_type: RecordType) -> String {
    match record_type {
        RecordType::Unknown(number) => format!("TYPE{number}"),
        known => known.to_string(),
    }
}

/// The name as policy knows it; `None` where its labels hold what no host's name does. A dot inside
/// a label would make two labels of it.
fn host_name(name: &Name) -> Option<HostName> {
    let mut text = String::new();
    for label in name.iter() {
        if !text.is_empty() {
            text.push('.');
        }
        for byte in label {
            let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            text.push(plain.then(|| char::from(*byte))?);
        }
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests;
