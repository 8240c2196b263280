//! What a workload is answered: a found answer, a refusal with its reason (RFC 8914), or a failure.
//!
//! Everything is written anew; nothing but the records that belong to the question is copied from
//! what a resolver sent.

use hickory_proto::{
    op::{Edns, Message, OpCode, Query as Asked, ResponseCode},
    rr::rdata::opt::{EdnsCode, EdnsOption, OPT},
};

use super::{found::Found, question::Query};

/// Largest datagram that is sent: it fits every path unfragmented (RFC 9715).
pub(super) const LARGEST_DATAGRAM: u16 = 1232;
/// Largest datagram for those who don't speak EDNS.
const SMALLEST_DATAGRAM: u16 = 512;
/// The EDNS option that holds a reason (RFC 8914).
const REASON: u16 = 15;
/// Longest reason, in bytes.
const LONGEST_REASON: usize = 300;

/// How an answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Datagram,
    Stream,
}

/// Why there is no answer, in the codes of RFC 8914.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Other = 0,
    Blocked = 15,
    Prohibited = 18,
    NoReachableAuthority = 22,
}

/// The answer that was found; where it doesn't fit a datagram, the word that TCP has it.
pub(super) fn found(query: &Query, found: &Found, transport: Transport) -> Option<Vec<u8>> {
    let mut message = begin(query, found.code);
    message.add_answers(found.records.iter().cloned());
    message.add_authorities(found.authority.iter().cloned());
    let largest = match transport {
        Transport::Stream => u16::MAX,
        Transport::Datagram => query.payload.map_or(SMALLEST_DATAGRAM, |size| {
            size.clamp(SMALLEST_DATAGRAM, LARGEST_DATAGRAM)
        }),
    };
    let bytes = message.to_vec().ok()?;
    if bytes.len() <= usize::from(largest) {
        return Some(bytes);
    }
    if transport == Transport::Stream {
        return None;
    }
    message.answers.clear();
    message.authorities.clear();
    message.metadata.truncation = true;
    message.to_vec().ok()
}

/// An answer without records, and its reason for those who speak EDNS.
pub(super) fn without(
    query: &Query,
    code: ResponseCode,
    reason: Reason,
    words: &str,
) -> Option<Vec<u8>> {
    let mut message = begin(query, code);
    if let Some(edns) = &mut message.edns {
        let mut option = (reason as u16).to_be_bytes().to_vec();
        let end = words.floor_char_boundary(LONGEST_REASON);
        option.extend(words.bytes().take(end));
        let option = EdnsOption::Unknown(REASON, option);
        *edns.options_mut() = OPT::new(vec![(EdnsCode::Unknown(REASON), option)]);
    }
    message.to_vec().ok()
}

fn begin(query: &Query, code: ResponseCode) -> Message {
    let mut message = Message::response(query.header.id, OpCode::Query);
    message.metadata.recursion_desired = query.recursion_desired;
    message.metadata.recursion_available = true;
    message.metadata.checking_disabled = query.checking_disabled;
    message.metadata.response_code = code;
    let asked = Asked::query(query.as_asked.clone(), query.question.record_type);
    message.add_query(asked);
    if query.payload.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(LARGEST_DATAGRAM);
        message.set_edns(edns);
    }
    message
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::MessageType,
        rr::{Name, RData, Record, RecordType, rdata::A},
    };

    use super::*;

    fn query(name: &str, payload: Option<u16>) -> Query {
        let mut message = Message::new(0xbeef, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        let name = Name::from_ascii(name).unwrap();
        message.add_query(Asked::query(name, RecordType::A));
        if let Some(size) = payload {
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            message.set_edns(edns);
        }
        Query::read(&message.to_vec().unwrap()).unwrap()
    }

    fn addresses(query: &Query, count: u8) -> Found {
        let record = |last| {
            let address = RData::A(A::new(192, 0, 2, last));
            Record::from_rdata(query.as_asked.to_lowercase(), 60, address)
        };
        Found {
            code: ResponseCode::NoError,
            records: (0..count).map(record).collect(),
            authority: None,
        }
    }

    fn read(bytes: &[u8]) -> Message {
        Message::from_vec(bytes).unwrap()
    }

    #[test]
    fn an_answer_repeats_id_and_capitals_and_claims_no_authority() {
        let query = query("DB.Internal.", None);
        let bytes = found(&query, &addresses(&query, 2), Transport::Datagram).unwrap();
        let message = read(&bytes);
        assert_eq!(message.id, 0xbeef);
        assert_eq!(message.queries[0].name.to_ascii(), "DB.Internal.");
        assert_eq!(message.answers.len(), 2);
        assert!(message.recursion_desired && message.recursion_available);
        assert!(!message.authoritative && !message.authentic_data && !message.truncation);
        assert_eq!(message.edns, None);
    }

    #[test]
    fn what_does_not_fit_the_datagram_is_had_by_tcp() {
        for (payload, fits) in [
            (None, 31),
            (Some(0), 30),
            (Some(512), 30),
            (Some(1232), 75),
            (Some(u16::MAX), 75),
        ] {
            let query = query("db.internal.", payload);
            let bytes = found(&query, &addresses(&query, fits - 2), Transport::Datagram);
            assert!(!read(&bytes.unwrap()).truncation, "{payload:?}");
            let bytes = found(&query, &addresses(&query, fits), Transport::Datagram).unwrap();
            let message = read(&bytes);
            assert!(
                message.truncation && message.answers.is_empty(),
                "{payload:?}"
            );
            let bytes = found(&query, &addresses(&query, 255), Transport::Stream).unwrap();
            assert_eq!(read(&bytes).answers.len(), 255);
        }
    }

    #[test]
    fn a_reason_is_told_to_those_who_speak_edns_and_is_cut() {
        let words = "ü".repeat(400);
        let code = ResponseCode::Refused;
        let bytes = without(
            &query("a.example.", Some(512)),
            code,
            Reason::Prohibited,
            &words,
        );
        let bytes = bytes.unwrap();
        assert!(bytes.len() <= 512);
        let message = read(&bytes);
        assert_eq!(message.response_code, ResponseCode::Refused);
        let edns = message.edns.unwrap();
        let option = edns.option(EdnsCode::Unknown(REASON)).unwrap();
        let EdnsOption::Unknown(_, data) = option else {
            panic!("{option:?}")
        };
        assert_eq!(data[..2], [0, 18]);
        assert_eq!(std::str::from_utf8(&data[2..]).unwrap(), "ü".repeat(150));
        let plain = without(&query("a.example.", None), code, Reason::Other, &words).unwrap();
        assert_eq!(read(&plain).edns, None);
    }
}
