//! Servers that lie, forge, fail and babble. A workload gets the right answer or none.

use std::sync::atomic::{AtomicU32, Ordering};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, TXT},
    },
};

use crate::{
    server::{By, Server, a, empty, good},
    stand::{COMPANY, gist, stand, stand_only},
};

fn found() -> (ResponseCode, Vec<String>) {
    (ResponseCode::NoError, vec!["192.0.2.1 300".to_owned()])
}

fn nothing() -> (ResponseCode, Vec<String>) {
    (ResponseCode::ServFail, Vec::new())
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What is answered for db.internal, if the server answers so.
async fn lie(
    script: impl Fn(&Message, By) -> Vec<Vec<u8>> + Send + Sync + 'static,
) -> (ResponseCode, Vec<String>) {
    let server = Server::start(script).await;
    let stand = stand(&[server.address]);
    gist(&stand.ask("db.internal", RecordType::A).await)
}

fn changed(question: &Message, change: impl Fn(&mut Message)) -> Vec<u8> {
    let mut answer = Message::from_vec(&good(question)).unwrap();
    answer.answers = vec![a(&question.queries[0].name, 66, 60)];
    change(&mut answer);
    answer.to_vec().unwrap()
}

#[tokio::test]
async fn forged_answers_are_passed_over_until_the_real_one_comes() {
    let answers = lie(|question, _| {
        vec![
            changed(question, |forged| forged.metadata.id ^= 1),
            changed(question, |forged| forged.queries.clear()),
            changed(question, |forged| {
                forged.queries[0].name = name("db.external.");
            }),
            changed(question, |forged| {
                forged.queries[0].name = name("Db.internal.");
            }),
            changed(question, |forged| {
                forged.queries[0].query_type = RecordType::TXT;
            }),
            b"junk".to_vec(),
            Vec::new(),
            good(question),
        ]
    });
    assert_eq!(answers.await, found());
}

#[tokio::test]
async fn a_flood_of_forged_answers_is_a_failure_at_once() {
    let answers = lie(|question, _| {
        let forged = changed(question, |forged| forged.metadata.id ^= 1);
        let mut flood = vec![forged; 40];
        flood.push(good(question));
        flood
    });
    assert_eq!(answers.await, nothing());
}

#[tokio::test]
async fn an_answer_for_another_name_is_none() {
    let answers = lie(|question, _| {
        vec![changed(question, |lie| {
            lie.answers = vec![a(&name("evil.example."), 66, 60)];
        })]
    });
    assert_eq!(answers.await, nothing());
}

#[tokio::test]
async fn aliases_without_end_are_no_answer() {
    for length in [100, 0] {
        let answers = lie(move |question, _| {
            let mut answer = empty(question, ResponseCode::NoError);
            let step = |i: u32| match i {
                0 => name("db.internal."),
                i => name(&format!("a{i}.example.")),
            };
            // Of length 0: a name that is its own alias.
            for i in 0..=length {
                let alias = RData::CNAME(CNAME(step((i + 1) % (length + 1))));
                answer.add_answer(Record::from_rdata(step(i), 60, alias));
            }
            vec![answer.to_vec().unwrap()]
        });
        assert_eq!(answers.await, nothing());
    }
}

#[tokio::test]
async fn names_that_point_at_themselves_are_no_answer() {
    let answers = lie(|question, _| {
        let mut bytes = empty(question, ResponseCode::NoError).to_vec().unwrap();
        bytes.truncate(bytes.len() - 11);
        bytes[7] = 1;
        bytes[11] = 0;
        // An answer whose owner is a pointer to itself.
        let here = u16::try_from(bytes.len()).unwrap() | 0xc000;
        bytes.extend(here.to_be_bytes());
        bytes.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]);
        vec![bytes]
    });
    assert_eq!(answers.await, nothing());
}

#[tokio::test]
async fn a_header_that_claims_much_is_no_answer() {
    let answers = lie(|question, _| {
        let mut bytes = good(question);
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        vec![bytes]
    });
    assert_eq!(answers.await, nothing());
}

#[tokio::test]
async fn what_is_truncated_is_had_by_tcp_or_not_at_all() {
    let truncated = |question: &Message| changed(question, |cut| cut.metadata.truncation = true);
    let answers = lie(move |question, by| match by {
        By::Udp => vec![truncated(question)],
        By::Tcp => vec![good(question)],
    });
    assert_eq!(answers.await, found());
    assert_eq!(
        lie(move |question, _| vec![truncated(question)]).await,
        nothing()
    );
    let closed = lie(move |question, by| match by {
        By::Udp => vec![truncated(question)],
        By::Tcp => Vec::new(),
    });
    assert_eq!(closed.await, nothing());
    let another = lie(move |question, by| match by {
        By::Udp => vec![truncated(question)],
        By::Tcp => vec![changed(question, |forged| forged.metadata.id ^= 1)],
    });
    assert_eq!(another.await, nothing());
}

#[tokio::test]
async fn ttls_are_handed_on_as_they_are() {
    let answers = lie(|question, _| {
        let mut answer = empty(question, ResponseCode::NoError);
        for (last, ttl) in [(1, 0), (2, 1), (3, u32::MAX)] {
            answer.add_answer(a(&question.queries[0].name, last, ttl));
        }
        vec![answer.to_vec().unwrap()]
    });
    let records = ["192.0.2.1 0", "192.0.2.2 1", "192.0.2.3 4294967295"];
    assert_eq!(answers.await.1, records);
}

#[tokio::test]
async fn a_giant_text_is_had_by_tcp_and_a_larger_one_not() {
    let server = Server::start(|question, by| {
        if by == By::Udp {
            return vec![changed(question, |cut| cut.metadata.truncation = true)];
        }
        let asked = &question.queries[0].name;
        let pieces = if asked.to_ascii().starts_with("small") {
            200
        } else {
            257
        };
        let mut answer = empty(question, ResponseCode::NoError);
        for _ in 0..pieces {
            let text = TXT::new(vec!["x".repeat(200)]);
            answer.add_answer(Record::from_rdata(asked.clone(), 60, RData::TXT(text)));
        }
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let stand = stand_only(&[server.address], &[COMPANY]);
    let cut = stand.ask("small.corp.example", RecordType::TXT).await;
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    let many = stand.ask("large.corp.example", RecordType::TXT).await;
    assert_eq!(gist(&many), nothing());
}

#[tokio::test]
async fn what_nobody_asked_for_is_left_out() {
    let server = Server::start(|question, _| {
        let asked = &question.queries[0].name;
        let mut answer = Message::from_vec(&good(question)).unwrap();
        answer.add_answer(a(&name("bank.example."), 66, 60));
        answer.add_additional(a(&name("bank.example."), 66, 60));
        answer.add_authority(a(asked, 66, 60));
        answer.metadata.authoritative = true;
        answer.metadata.authentic_data = true;
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let stand = stand(&[server.address]);
    let answer = stand.ask("db.internal", RecordType::A).await;
    assert_eq!(gist(&answer), found());
    assert!(answer.additionals.is_empty() && answer.authorities.is_empty());
    assert!(!answer.metadata.authoritative && !answer.metadata.authentic_data);
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_is_silent_or_fails_and_the_good_one_is_remembered() {
    let silent = Server::silent().await;
    let failing = Server::start(|question, _| {
        vec![empty(question, ResponseCode::ServFail).to_vec().unwrap()]
    })
    .await;
    let honest = Server::honest().await;
    let stand = stand(&[silent.address, failing.address, honest.address]);
    for _ in 0..3 {
        let answer = stand.ask("db.internal", RecordType::A).await;
        assert_eq!(gist(&answer), found());
    }
    assert_eq!((silent.heard().len(), failing.heard().len()), (1, 1));
    assert_eq!(honest.heard().len(), 3);
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    let count = AtomicU32::new(0);
    let answers = lie(
        move |question, _| match count.fetch_add(1, Ordering::Relaxed) {
            0 => Vec::new(),
            _ => vec![good(question)],
        },
    );
    assert_eq!(answers.await, found());
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let closed = Server::silent().await.address;
    let stand = stand(&[closed]);
    let answer = stand.ask("db.internal", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    let (code, text) = crate::stand::reason(&answer);
    assert_eq!(code, 22);
    assert!(text.contains("no resolver answered"), "{text}");
}
