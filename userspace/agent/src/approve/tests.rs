//! The table, tried by those who want through it.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use weir_policy::{
    Approver, Ask, Context, Policies, Request as Judged, Source, Subject, Target, Verdict,
};
use weir_record::{Answered, Process, Seq, SessionId, SessionStart, SessionWriter, Settled};

use super::{AnswerError, Approvals, Asked, Desk, Hold, Limits, Question, Request, Said, Shown};
use crate::session::judge::connect;

pub(crate) struct Bed {
    dir: tempfile::TempDir,
    approvals: Approvals,
    subject: Subject,
    target: Target,
}

const ONE: &str = r#"@approvers("dba")"#;

/// What a policy with these annotations asks.
pub(crate) fn ask(text: &str, subject: &Subject, target: &Target) -> Ask {
    let source = Source {
        name: "ask.cedar".into(),
        text: format!(
            "@id(\"asks\") {text} permit (principal, action in Weir::Action::\"command\", resource) \
             when {{ context.approved }};"
        ),
    };
    let request = Judged {
        subject,
        target,
        names: None,
        statement: &connect(),
        context: &Context::default(),
    };
    match Policies::load(&[source]).unwrap().judge(&request) {
        Verdict::Ask(ask) => ask,
        other => panic!("{other:?}"),
    }
}

/// What is asked about a command of which nothing but its text is known.
pub(crate) fn question<'a>(
    ask: &'a Ask,
    seq: Seq,
    (subject, target): (&'a Subject, &'a Target),
    text: &'a Bytes,
) -> Question<'a> {
    static NOTHING: Bytes = Bytes::new();
    Question {
        ask,
        seq,
        subject,
        target,
        text,
        parameters: &NOTHING,
        shown_parameters: &[],
        statements: &[],
        runs: &[],
        shape: None,
        rows: None,
    }
}

fn limits() -> Limits {
    Limits {
        timeout: Duration::from_secs(60),
        most: 4,
        most_of_subject: 3,
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let approvals =
            Approvals::open(&dir.path().join("approvals.jsonl"), limits(), None).unwrap();
        Self {
            dir,
            approvals,
            subject: Subject {
                id: "unix:alice".into(),
                groups: Vec::new(),
                on_behalf_of: None,
            },
            target: Target {
                name: "crm".into(),
                protocol: "postgres".into(),
                database: "sales".into(),
            },
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    pub(crate) fn desk(&self, session: u32) -> (Desk, SessionWriter) {
        let now = Timestamp::now();
        let start = SessionStart {
            id: SessionId::new(now, session),
            started: now,
            workload: "w".into(),
            subject: self.subject.id.clone(),
            groups: Vec::new(),
            on_behalf_of: None,
            process: Process::default(),
            destination: "192.0.2.1:5432".into(),
            destination_name: None,
            target: None,
            protocol: None,
            policy_version: String::new(),
            observed: false,
        };
        let record = SessionWriter::create(&self.dir.path().join("records"), &start).unwrap();
        (Desk::new(self.approvals.clone(), &start), record)
    }

    fn ask_in(&self, (desk, record): &(Desk, SessionWriter), policy: &str, text: &str) -> Asked {
        let text = Bytes::copy_from_slice(text.as_bytes());
        let limits = weir_command::sql::Limits::default();
        let ask = ask(policy, &self.subject, &self.target);
        let of = (&self.subject, &self.target);
        desk.ask(&Question {
            statements: &[connect()],
            shape: weir_command::sql::shape(&text, &limits),
            ..question(&ask, record.next(), of, &text)
        })
        .unwrap()
    }

    pub(crate) fn held(&self, desk: &(Desk, SessionWriter), policy: &str) -> Hold {
        match self.ask_in(desk, policy, "DELETE FROM t WHERE id = 1") {
            Asked::Held(hold) => hold,
            Asked::Granted(_) => panic!("nobody said yes"),
        }
    }

    fn say(&self, id: &str, by: &Approver, answer: Answered) -> Result<Request, AnswerError> {
        let hash = self.approvals.show(id, by)?.hash;
        let reason = (answer == Answered::No).then(|| "no".to_owned());
        let said = Said {
            answer,
            reason,
            hash,
        };
        self.approvals.answer(id, by, None, &said)
    }
}

fn dba(name: &str) -> Approver {
    Approver::person(format!("oidc:x#{name}"), Vec::new(), vec!["dba".into()])
}

#[tokio::test]
async fn one_settlement_is_made_whoever_races_for_it() {
    for how in [Settled::TimedOut, Settled::GaveUp, Settled::Cancelled] {
        let bed = Bed::new();
        let desk = bed.desk(1);
        let mut late = bed.held(&desk, ONE);
        let id = late.id().to_owned();
        // The agent goes first: the answer comes to nothing.
        assert_eq!(late.end(how).how, how);
        let refused = bed.say(&id, &dba("bob"), Answered::Once).unwrap_err();
        assert!(matches!(refused, AnswerError::Settled { how: told, .. } if told == how));
        // The answer goes first: it is what comes of it, once.
        let desk = bed.desk(2);
        let mut early = bed.held(&desk, ONE);
        bed.say(early.id(), &dba("bob"), Answered::Once).unwrap();
        let settlement = early.end(how);
        assert_eq!(
            (settlement.how, settlement.answers.len()),
            (Settled::Approved, 1)
        );
        assert!(
            early.end(how).answers.is_empty(),
            "no answer is there twice"
        );
    }
}

#[tokio::test]
async fn threads_that_race_settle_it_once() {
    let bed = Bed::new();
    for round in 0..30 {
        let desk = bed.desk(round);
        let mut hold = bed.held(&desk, ONE);
        let id = hold.id().to_owned();
        let answered = std::thread::scope(|scope| {
            let answers: Vec<_> = ["bob", "dan", "eve"]
                .into_iter()
                .map(|name| {
                    let (bed, id) = (&bed, &id);
                    scope.spawn(move || bed.say(id, &dba(name), Answered::Once).is_ok())
                })
                .collect();
            let settlement = hold.end(Settled::TimedOut);
            let taken = answers.into_iter().filter_map(|one| one.join().ok());
            (settlement, taken.filter(|taken| *taken).count())
        });
        let (settlement, taken) = answered;
        match settlement.how {
            Settled::Approved => assert_eq!((settlement.answers.len(), taken), (1, 1)),
            Settled::TimedOut => assert_eq!((settlement.answers.len(), taken), (0, 0)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn several_must_say_yes_and_one_no_is_enough() {
    let bed = Bed::new();
    let two = r#"@approvers("dba") @approvals("2")"#;
    let desk = bed.desk(1);
    let mut hold = bed.held(&desk, two);
    let id = hold.id().to_owned();
    assert_eq!(
        bed.say(&id, &dba("bob"), Answered::Once).unwrap().state(),
        "pending"
    );
    let again = bed.say(&id, &dba("bob"), Answered::Once).unwrap_err();
    assert!(matches!(again, AnswerError::Again { .. }));
    bed.say(&id, &dba("dan"), Answered::Once).unwrap();
    assert_eq!(hold.wait().await.answers.len(), 2);

    let desk = bed.desk(2);
    let mut hold = bed.held(&desk, two);
    bed.say(hold.id(), &dba("bob"), Answered::Once).unwrap();
    bed.say(hold.id(), &dba("dan"), Answered::No).unwrap();
    let settlement = hold.wait().await;
    assert_eq!(settlement.how, Settled::Denied);
    assert!(settlement.answers.is_empty());
}

#[tokio::test]
async fn an_answer_to_what_has_changed_is_refused() {
    let bed = Bed::new();
    let desk = bed.desk(1);
    let hold = bed.held(&desk, r#"@approvers("dba") @approvals("2")"#);
    let id = hold.id().to_owned();
    bed.say(&id, &dba("dan"), Answered::Once).unwrap();
    let hash = bed.approvals.show(&id, &dba("bob")).unwrap().hash;
    hold.renew(ask(ONE, &bed.subject, &bed.target));
    let said = Said {
        answer: Answered::Once,
        reason: None,
        hash,
    };
    let stale = bed
        .approvals
        .answer(&id, &dba("bob"), None, &said)
        .unwrap_err();
    assert!(matches!(stale, AnswerError::Changed { .. }), "{stale}");
    let now = bed.approvals.show(&id, &dba("bob")).unwrap();
    assert!(
        now.answers.is_empty(),
        "what was said was said to another question"
    );
    assert_eq!(
        bed.say(&id, &dba("bob"), Answered::Once).unwrap().state(),
        "approved"
    );
}

#[tokio::test]
async fn what_stands_is_enough_where_it_reaches_and_no_further() {
    let bed = Bed::new();
    let (one, other) = (bed.desk(1), bed.desk(2));
    let mut hold = bed.held(&one, ONE);
    bed.say(hold.id(), &dba("bob"), Answered::Session).unwrap();
    drop(hold.wait().await);
    let granted = |asked| matches!(asked, Asked::Granted(_));
    assert!(granted(bed.ask_in(&one, ONE, "DROP TABLE x")));
    assert!(!granted(bed.ask_in(&other, ONE, "DROP TABLE x")));
    let elsewhere = r#"@approvers("dba, lead")"#;
    assert!(
        !granted(bed.ask_in(&one, elsewhere, "DROP TABLE x")),
        "another policy asks"
    );
    drop(one);
    let again = bed.desk(1);
    assert!(
        !granted(bed.ask_in(&again, ONE, "DROP TABLE x")),
        "the session is over"
    );

    let mut hold = bed.held(&other, ONE);
    bed.say(hold.id(), &dba("bob"), Answered::Shape { minutes: 5 })
        .unwrap();
    drop(hold.wait().await);
    assert!(granted(bed.ask_in(
        &again,
        ONE,
        "delete from t where id = 77"
    )));
    assert!(!granted(bed.ask_in(
        &again,
        ONE,
        "DELETE FROM t WHERE id = id"
    )));
    assert!(!granted(bed.ask_in(&again, ONE, "DROP TABLE x")));
}

#[tokio::test]
async fn no_more_waits_than_may() {
    let bed = Bed::new();
    let desk = bed.desk(1);
    let of = (&bed.subject, &bed.target);
    let asks = ask(ONE, of.0, of.1);
    let held: Vec<Hold> = (0..3)
        .map(|n| {
            let desk = bed.desk(10 + n);
            let hold = bed.held(&desk, ONE);
            std::mem::forget(desk);
            hold
        })
        .collect();
    let text = Bytes::from_static(b"x");
    let too_many = desk.0.ask(&question(&asks, desk.1.next(), of, &text));
    assert!(
        too_many
            .unwrap_err()
            .to_string()
            .contains("unix:alice has 3")
    );
    drop(held);
    bed.held(&desk, ONE);
    let text = Bytes::from(vec![b'x'; 64 * 1024 + 1]);
    let long = desk.0.ask(&question(&asks, desk.1.next(), of, &text));
    assert!(long.unwrap_err().to_string().contains("too long"));
}

#[tokio::test]
async fn what_waited_when_weir_was_restarted_is_refused_and_approves_nothing() {
    let bed = Bed::new();
    let desk = bed.desk(1);
    let two = r#"@approvers("dba") @approvals("2")"#;
    let hold = bed.held(&desk, two);
    let id = hold.id().to_owned();
    bed.say(&id, &dba("bob"), Answered::Once).unwrap();
    let path = bed.dir.path().join("approvals.jsonl");
    // As a killed daemon leaves it, and half a line.
    let mut left = std::fs::read(&path).unwrap();
    left.extend_from_slice(b"{\"settled\":{\"id\"");
    let path = bed.dir.path().join("left.jsonl");
    std::fs::write(&path, left).unwrap();
    let after = Approvals::open(&path, limits(), None).unwrap();
    let listed = after.list(Shown::All, &dba("dan"));
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].state(), listed[0].answers.len()),
        ("restarted", 1)
    );
    let said = Said {
        answer: Answered::Once,
        reason: None,
        hash: listed[0].hash.clone(),
    };
    let refused = after
        .answer(&id, &dba("dan"), None, &said)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("weir was restarted while it waited"),
        "{refused}"
    );
    assert!(after.list(Shown::Pending, &dba("dan")).is_empty());
}
