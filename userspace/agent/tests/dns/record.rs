//! On record before it is asked, and before it is answered; and what is remembered.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use hickory_proto::{op::ResponseCode, rr::RecordType};
use weir_policy::Subject;
use weir_record::{Entry, Event, LookedUp, Recorder, SessionReader, Status, Tail, store};

use crate::{
    server::{Server, good},
    stand::{asker, process, questions, stand, verdict, workload},
};

#[tokio::test]
async fn a_question_is_on_record_before_it_is_asked_and_its_answer_before_it_is_given() {
    let recorder: Arc<Mutex<Option<Recorder>>> = Arc::default();
    let seen = Arc::clone(&recorder);
    let at_the_server = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&at_the_server);
    let server = Server::start(move |question, _| {
        let recorder = seen.lock().unwrap().clone().unwrap();
        recorder.write_out().unwrap();
        *noted.lock().unwrap() = questions(recorder.dir());
        vec![good(question)]
    })
    .await;
    let stand = stand(&[server.address]);
    *recorder.lock().unwrap() = Some(stand.recorder.clone());
    stand.ask("DB.internal", RecordType::A).await;
    {
        let asked = at_the_server.lock().unwrap();
        let [(intent, None)] = asked.as_slice() else {
            panic!("{asked:?}")
        };
        assert_eq!(intent.text, "A db.internal");
        assert_eq!(verdict(intent), "allow");
        let lookup = LookedUp {
            declared: true,
            names_per_minute: 1,
        };
        assert_eq!(intent.lookup, Some(lookup));
    }
    let answered = stand.questions();
    let outcome = answered[0].1.as_ref().unwrap();
    let tag = "NOERROR A 192.0.2.1 300".to_owned();
    assert_eq!(outcome.status, Status::Completed { tag });
    assert_eq!(outcome.rows, 1);
}

#[tokio::test]
async fn what_can_not_be_recorded_is_not_asked() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let aside = stand.records().with_extension("aside");
    fs::rename(stand.records(), &aside).unwrap();
    fs::write(stand.records(), "in the way").unwrap();
    for name in ["db.internal", "evil.example"] {
        let answer = stand.ask(name, RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
        assert!(
            crate::stand::reason(&answer)
                .1
                .contains("can't be recorded")
        );
    }
    assert!(server.heard().is_empty());
    // As soon as it can be, it is.
    fs::remove_file(stand.records()).unwrap();
    fs::rename(&aside, stand.records()).unwrap();
    assert_eq!(
        stand.ask("db.internal", RecordType::A).await.answers.len(),
        1
    );
}

#[tokio::test]
async fn one_record_holds_what_a_subject_asks_and_says_which_process_did() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let mut other = asker();
    other.process = process(4343, "curl");
    for asker in [&asker(), &other, &other, &asker()] {
        stand.ask_as(asker, "db.internal", RecordType::A).await;
    }
    // Another subject, another workload and other groups have records of their own.
    let mut bob = asker();
    bob.subject = Ok(Subject {
        id: "unix:bob".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    });
    stand.ask_as(&bob, "db.internal", RecordType::A).await;
    bob.subject.as_mut().unwrap().groups.push("ops".to_owned());
    stand.ask_as(&bob, "db.internal", RecordType::A).await;
    bob.workload = workload("watched");
    stand.ask_as(&bob, "db.internal", RecordType::A).await;
    stand.resolver.close().unwrap();

    let summaries = store::list(&stand.records()).unwrap();
    let summaries: Vec<_> = summaries.into_iter().map(Result::unwrap).collect();
    assert_eq!(summaries.len(), 4);
    let mine = summaries
        .iter()
        .find(|summary| summary.commands == 4)
        .unwrap();
    assert_eq!(mine.start.protocol.as_deref(), Some("dns"));
    assert_eq!(mine.start.destination, "10.255.255.53:53");
    assert_eq!((mine.start.process.pid, mine.tail), (4242, Tail::Whole));
    assert!(
        summaries
            .iter()
            .filter(|summary| summary.end.is_some())
            .count()
            >= 3
    );
    let path = store::path_of(&stand.records(), mine.start.id);
    let events = SessionReader::open(&path).unwrap().map(Result::unwrap);
    let speakers: Vec<String> = events
        .filter_map(|entry| match entry {
            Entry::Event(Event::Process(process)) => Some(process.comm),
            Entry::Event(Event::Intent(_)) => Some("?".to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(speakers, ["?", "curl", "?", "?", "agent", "?"]);
}

#[tokio::test]
async fn addresses_are_known_by_the_names_they_were_given_for() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let names = |name: &str| {
        stand
            .resolver
            .names(&workload(name), "192.0.2.1".parse().unwrap())
    };
    assert_eq!(names("w").latest(), None);
    stand.ask("db.internal", RecordType::A).await;
    stand.ask("LB.internal", RecordType::A).await;
    let known: Vec<String> = names("w").current.iter().map(ToString::to_string).collect();
    assert_eq!(known, ["lb.internal", "db.internal"]);
    // What one workload was given says nothing of another's.
    assert_eq!(names("watched").latest(), None);
    assert_eq!(names("stranger").latest(), None);
}
