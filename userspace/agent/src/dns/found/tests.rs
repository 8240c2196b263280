use hickory_proto::{
    op::{MessageType, OpCode},
    rr::rdata::{A, AAAA, SOA},
};

use super::*;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(owner: &str, last: u8, ttl: u32) -> Record {
    Record::from_rdata(name(owner), ttl, RData::A(A::new(192, 0, 2, last)))
}

fn cname(owner: &str, target: &str) -> Record {
    Record::from_rdata(name(owner), 300, RData::CNAME(CNAME(name(target))))
}

fn soa(owner: &str) -> Record {
    let soa = SOA::new(name("ns."), name("root."), 1, 2, 3, 4, 5);
    Record::from_rdata(name(owner), 60, RData::SOA(soa))
}

fn found(answers: Vec<Record>, authorities: Vec<Record>) -> Result<Found, &'static str> {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.answers = answers;
    message.authorities = authorities;
    Found::of(message, &name("db.example."), RecordType::A)
}

#[test]
fn records_keep_their_ttl_and_order_and_aliases_lead_on() {
    let found = found(
        vec![
            a("lb.example.", 2, 0),
            cname("DB.example.", "lb.example."),
            a("LB.Example.", 1, u32::MAX),
            a("other.example.", 9, 5),
        ],
        vec![soa("example.")],
    )
    .unwrap();
    assert_eq!(
        found.to_string(),
        "NOERROR CNAME lb.example. 300, A 192.0.2.2 0, A 192.0.2.1 4294967295"
    );
    assert_eq!(found.authority, None);
    assert_eq!(found.addresses().count(), 2);
}

#[test]
fn what_belongs_to_another_name_is_no_answer() {
    assert_eq!(
        found(vec![a("evil.example.", 1, 60)], vec![]),
        Err("an answer to another question")
    );
    let mut chaos = a("db.example.", 1, 60);
    chaos.dns_class = DNSClass::CH;
    assert!(found(vec![chaos], vec![]).is_err());
    let v6 = RData::AAAA(AAAA("2001:db8::1".parse().unwrap()));
    let v6 = Record::from_rdata(name("db.example."), 60, v6);
    assert!(found(vec![v6], vec![]).is_err());
}

#[test]
fn aliases_end() {
    let circle = vec![
        cname("db.example.", "b.example."),
        cname("b.example.", "db.example."),
    ];
    assert!(found(circle, vec![]).is_err());
    let step = |i: u32| match i {
        0 => "db.example.".to_owned(),
        i => format!("a{i}.example."),
    };
    let chain = |aliases| {
        let mut chain: Vec<Record> = (0..aliases)
            .map(|i| cname(&step(i), &step(i + 1)))
            .collect();
        chain.push(a(&step(aliases), 1, 60));
        found(chain, vec![])
    };
    assert_eq!(chain(16).unwrap().records.len(), 17);
    assert!(chain(17).is_err() && chain(100).is_err());
}

#[test]
fn an_answer_of_very_many_records_is_not_handed_on() {
    let many = |count: u32| (0..count).map(|_| a("db.example.", 1, 60)).collect();
    let found_many = found(many(256), vec![]).unwrap();
    assert!(found_many.to_string().ends_with(" and 240 more"));
    assert!(found(many(257), vec![]).is_err());
}

#[test]
fn nothing_found_keeps_the_authority_that_says_so_if_it_may() {
    let nothing = found(vec![], vec![a("example.", 1, 1), soa("example.")]).unwrap();
    assert!(nothing.authority.is_some() && nothing.records.is_empty());
    assert_eq!(nothing.to_string(), "NOERROR");
    let foreign = found(vec![], vec![soa("evil.test.")]).unwrap();
    assert_eq!(foreign.authority, None);
    let aliased = found(vec![cname("db.example.", "x.test.")], vec![soa("test.")]).unwrap();
    assert!(aliased.authority.is_some());
}
