use hickory_proto::{
    op::{Edns, MessageType, Query as Asked},
    rr::{Record, rdata::A},
};
use proptest::prelude::*;

use super::*;

fn message(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Asked::query(Name::from_ascii(name).unwrap(), record_type));
    message
}

fn read(message: &Message) -> Result<Query, Malformed> {
    Query::read(&message.to_vec().unwrap())
}

fn code(result: Result<Query, Malformed>) -> Option<Code> {
    result.unwrap_err().answer.map(|(_, code)| code)
}

#[test]
fn a_query_is_read_in_lower_case_and_remembers_its_capitals() {
    let query = read(&message("DB.Internal.", RecordType::A)).unwrap();
    assert_eq!(query.question.name.as_str(), "db.internal");
    assert_eq!(query.question.type_name(), "A");
    assert_eq!(query.as_asked.to_ascii(), "DB.Internal.");
    assert!(query.recursion_desired && !query.checking_disabled);
    assert_eq!(query.payload, None);
}

#[test]
fn edns_is_understood_in_version_0_alone() {
    let mut with = message("db.internal.", RecordType::AAAA);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    with.set_edns(edns.clone());
    assert_eq!(read(&with).unwrap().payload, Some(4096));
    edns.set_version(1);
    with.set_edns(edns);
    assert_eq!(code(read(&with)), Some(Code::FormErr));
}

#[test]
fn whatever_is_no_single_question_is_malformed() {
    let one = message("a.example.", RecordType::A);
    let mut two = one.clone();
    two.add_query(Asked::query(
        Name::from_ascii("b.example.").unwrap(),
        RecordType::A,
    ));
    let mut none = one.clone();
    none.queries.clear();
    let mut answered = one.clone();
    let address = hickory_proto::rr::RData::A(A::new(192, 0, 2, 1));
    answered.add_answer(Record::from_rdata(Name::root(), 1, address));
    let mut truncated = one.clone();
    truncated.metadata.truncation = true;
    for wrong in [two, none, answered, truncated] {
        assert_eq!(code(read(&wrong)), Some(Code::FormErr), "{wrong}");
    }
    let mut update = one;
    update.metadata.op_code = OpCode::Update;
    assert_eq!(code(read(&update)), Some(Code::NotImp));
    let mut chaos = message("version.bind.", RecordType::TXT);
    chaos.queries[0].query_class = DNSClass::CH;
    assert_eq!(code(read(&chaos)), Some(Code::Refused));
}

#[test]
fn an_answer_is_never_answered() {
    let mut response = message("a.example.", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    assert_eq!(code(read(&response)), None);
    assert_eq!(code(Query::read(&[0; 11])), None);
}

#[test]
fn a_claim_of_much_is_refused_before_it_costs_memory() {
    for counts in [
        [0xff, 0xff, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0xff, 0xff],
    ] {
        let mut bytes = vec![0, 7, 1, 0];
        bytes.extend(counts);
        assert_eq!(code(Query::read(&bytes)), Some(Code::FormErr));
    }
    let mut long = message("a.example.", RecordType::A).to_vec().unwrap();
    long.resize(LONGEST + 1, 0);
    assert_eq!(code(Query::read(&long)), Some(Code::FormErr));
}

#[test]
fn names_that_no_host_has_are_refused() {
    let labels: [&[&[u8]]; 7] = [
        &[],
        &[b"a.b", b"example"],
        &[b"a b", b"example"],
        &[b"*", b"example"],
        &[b"\xff\0", b"example"],
        &[b"192", b"0", b"2", b"1"],
        &[b"-a", b"example"],
    ];
    for labels in labels {
        let mut asked = message("a.example.", RecordType::A);
        asked.queries[0].name = Name::from_labels(labels.iter().copied()).unwrap();
        assert_eq!(code(read(&asked)), Some(Code::Refused), "{labels:?}");
    }
    assert!(read(&message("_sip._tcp.example.", RecordType::SRV)).is_ok());
}

#[test]
fn a_name_that_points_at_itself_is_malformed() {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend([0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(code(Query::read(&bytes)), Some(Code::FormErr));
}

#[test]
fn a_type_without_a_name_is_told_by_its_number() {
    assert_eq!(type_name(RecordType::Unknown(65534)), "TYPE65534");
    assert_eq!(type_name(RecordType::ANY), "ANY");
}

proptest! {
    /// Any bytes: no panic, and what is taken for a question asks one thing of one host.
    #[test]
    fn any_bytes_are_a_question_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(query) = Query::read(&bytes) {
            prop_assert!(!query.question.name.as_str().is_empty());
        }
    }

    /// The same, with a sound header and question in front, so that the rest is read at all.
    #[test]
    fn any_rest_is_a_question_or_not(
        rest in proptest::collection::vec(any::<u8>(), 0..300),
        additionals in 0u8..4,
    ) {
        let mut bytes = message("db.internal.", RecordType::A).to_vec().unwrap();
        bytes[11] = additionals;
        bytes.extend(rest);
        drop(Query::read(&bytes));
    }
}
