//! One question as it is sent, and what counts as its answer.
//!
//! The question is written anew from name and type alone, in lower case: nothing else that a
//! workload put into its query, such as the case of letters or options, reaches a resolver.

use hickory_proto::{
    ProtoError,
    op::{Edns, Message, MessageType, OpCode, Query as Asked, ResponseCode},
    rr::{DNSClass, Name, RecordType},
};

use super::{
    super::{
        answer::LARGEST_DATAGRAM,
        found::{Found, code_name},
        header::Header,
        question::Question,
    },
    Failure,
};

/// Most records in each section of an answer.
const MOST_RECORDS: u16 = 1024;

/// A question on its way.
pub(super) struct Sent {
    id: u16,
    name: Name,
    record_type: RecordType,
    pub(super) bytes: Vec<u8>,
}

/// What bytes from a resolver are.
#[derive(Debug)]
pub(super) enum Heard {
    /// Not the answer to this question: go on listening.
    Other,
    /// Its answer, which didn't fit.
    Truncated,
    /// Its answer.
    Found(Box<Found>),
}

impl Sent {
    pub(super) fn new(question: &Question, id: u16) -> Result<Self, ProtoError> {
        let mut name = Name::from_ascii(question.name.as_str())?;
        name.set_fqdn(true);
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Asked::query(name.clone(), question.record_type));
        let mut edns = Edns::new();
        edns.set_max_payload(LARGEST_DATAGRAM);
        message.set_edns(edns);
        Ok(Self {
            id,
            name,
            record_type: question.record_type,
            bytes: message.to_vec()?,
        })
    }

    /// What these bytes are to this question.
    pub(super) fn hear(&self, bytes: &[u8]) -> Result<Heard, Failure> {
        let Some(header) = Header::read(bytes) else {
            return Ok(Heard::Other);
        };
        if header.id != self.id || !header.is_response() {
            return Ok(Heard::Other);
        }
        let most = [header.answers, header.authorities, header.additionals];
        if header.questions > 1 || most.iter().any(|count| *count > MOST_RECORDS) {
            return Err(Failure::Unsound("more records than anybody needs"));
        }
        let message = Message::from_vec(bytes).map_err(|_| Failure::Unsound("it can't be read"))?;
        match message.queries.as_slice() {
            [asked] if self.is(asked) => {}
            // Servers that fail early don't repeat the question.
            [] if !settles(message.metadata.response_code) => {}
            _ => return Ok(Heard::Other),
        }
        if message.metadata.truncation {
            return Ok(Heard::Truncated);
        }
        if !settles(message.metadata.response_code) {
            return Err(Failure::Code(code_name(message.metadata.response_code)));
        }
        Found::of(message, &self.name, self.record_type)
            .map(|found| Heard::Found(Box::new(found)))
            .map_err(Failure::Unsound)
    }

    /// Whether it is this very question, to the letter.
    fn is(&self, asked: &Asked) -> bool {
        asked.name.eq_case(&self.name)
            && asked.query_type == self.record_type
            && asked.query_class == DNSClass::IN
    }
}

/// Whether the code is an answer, and not a failure to find one.
fn settles(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent() -> Sent {
        let question = Question {
            name: "db.internal".parse().unwrap(),
            record_type: RecordType::A,
        };
        Sent::new(&question, 7).unwrap()
    }

    fn answer(code: ResponseCode) -> Message {
        let mut message = Message::from_vec(&sent().bytes).unwrap();
        message.metadata.message_type = MessageType::Response;
        message.metadata.response_code = code;
        message
    }

    fn heard(message: &Message) -> Result<Heard, Failure> {
        sent().hear(&message.to_vec().unwrap())
    }

    #[test]
    fn only_the_answer_to_the_very_question_is_heard() {
        let good = answer(ResponseCode::NoError);
        assert!(matches!(heard(&good), Ok(Heard::Found(_))));
        let mut others = Vec::new();
        let mut change = |change: &dyn Fn(&mut Message)| {
            let mut other = good.clone();
            change(&mut other);
            others.push(other);
        };
        change(&|m| m.metadata.id = 8);
        change(&|m| m.metadata.message_type = MessageType::Query);
        change(&|m| m.queries.clear());
        change(&|m| m.queries[0].query_type = RecordType::AAAA);
        change(&|m| m.queries[0].query_class = DNSClass::CH);
        change(&|m| m.queries[0].name = Name::from_ascii("db.external.").unwrap());
        change(&|m| m.queries[0].name = Name::from_ascii("DB.internal.").unwrap());
        for other in others {
            assert!(matches!(heard(&other), Ok(Heard::Other)), "{other}");
        }
        assert!(matches!(sent().hear(&[0, 7, 0x80]), Ok(Heard::Other)));
    }

    #[test]
    fn failures_and_truncations_are_told_apart() {
        for code in [ResponseCode::ServFail, ResponseCode::Refused] {
            assert!(matches!(heard(&answer(code)), Err(Failure::Code(_))));
            let mut bare = answer(code);
            bare.queries.clear();
            assert!(matches!(heard(&bare), Err(Failure::Code(_))));
        }
        let mut truncated = answer(ResponseCode::NoError);
        truncated.metadata.truncation = true;
        assert!(matches!(heard(&truncated), Ok(Heard::Truncated)));
    }

    #[test]
    fn a_claim_of_much_is_refused_before_it_costs_memory() {
        let mut bytes = answer(ResponseCode::NoError).to_vec().unwrap();
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        assert!(matches!(sent().hear(&bytes), Err(Failure::Unsound(_))));
    }

    proptest! {
        /// Any bytes behind a header that fits: no panic.
        #[test]
        fn any_bytes_are_an_answer_or_not(
            counts in proptest::collection::vec(0u8..3, 4),
            rest in proptest::collection::vec(any::<u8>(), 0..400),
            question in any::<bool>(),
        ) {
            let good = answer(ResponseCode::NoError).to_vec().unwrap();
            let mut bytes = good[..12].to_vec();
            for (place, count) in [5, 7, 9, 11].into_iter().zip(counts) {
                bytes[place] = count;
            }
            if question {
                bytes[5] = 1;
                bytes.extend(&good[12..good.len() - 11]);
            }
            bytes.extend(rest);
            drop(sent().hear(&bytes));
        }
    }
}
