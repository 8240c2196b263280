use std::{fs, path::Path};

use weir_policy::{Mode, Policies, Subject};
use weir_record::{Durability, Options, Process, SigningKey, Status, Summary, store};

use super::*;

const SAID: Said<'static> = Said {
    text: "A a.example",
    signals: &[],
    lookup: None,
};

fn subject(id: &str) -> Subject {
    Subject {
        id: id.to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    }
}

fn refusal() -> Refusal {
    Refusal {
        rule: "default-deny".to_owned(),
        message: "no".to_owned(),
        deciding: Vec::new(),
        version: Policies::shipped().unwrap().version().clone(),
    }
}

fn outcome() -> Outcome {
    Outcome {
        status: Status::Refused,
        rows: 0,
        bytes: 0,
        masked: 0,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: 0,
    }
}

fn recorder(state: &Path) -> Recorder {
    let options = Options {
        dir: state.join("records"),
        key: SigningKey::open(state).unwrap(),
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    };
    Recorder::open(options).unwrap()
}

struct Bed {
    recorder: Recorder,
    dir: tempfile::TempDir,
    accounts: Accounts,
    workload: WorkloadName,
    process: Process,
    refusal: Refusal,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let recorder = recorder(dir.path());
        Self {
            accounts: Accounts::new(recorder.clone()),
            recorder,
            dir,
            workload: "w".parse().unwrap(),
            process: Process::default(),
            refusal: refusal(),
        }
    }

    fn ask(&self, subject: &Subject) -> Owed {
        let speaker = Speaker {
            workload: &self.workload,
            mode: Mode::Enforce,
            subject,
            process: &self.process,
            destination: "192.0.2.53:53".parse().unwrap(),
            policy_version: "0123456789abcdef",
            since: Instant::now(),
        };
        self.accounts
            .refused(&speaker, &self.refusal, SAID)
            .unwrap()
    }

    /// Every record, once `ended` of them have an end: that is written in the background.
    async fn summaries(&self, ended: usize) -> Vec<Summary> {
        let mut summaries = Vec::new();
        for _ in 0..1000 {
            self.recorder.write_out().unwrap();
            let listed = store::list(&self.dir.path().join("records")).unwrap();
            summaries = listed.into_iter().map(Result::unwrap).collect();
            if summaries.iter().filter(|s| s.end.is_some()).count() == ended {
                return summaries;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{ended} were to be ended: {summaries:?}")
    }
}

#[tokio::test]
async fn a_record_is_ended_after_many_questions_and_after_a_silence() {
    let (bed, alice) = (Bed::new(), subject("unix:alice"));
    for _ in 0..10_001 {
        bed.ask(&alice).settle(&outcome(), None).unwrap();
    }
    let summaries = bed.summaries(1).await;
    let mut commands: Vec<u64> = summaries.iter().map(|s| s.commands).collect();
    commands.sort_unstable();
    assert_eq!(commands, [1, 10_000]);
    bed.accounts.tidy(Instant::now());
    bed.summaries(1).await;
    bed.accounts.tidy(Instant::now() + IDLE);
    bed.summaries(2).await;
}

#[tokio::test]
async fn a_record_is_not_ended_before_the_last_outcome_that_it_is_owed() {
    let (bed, alice) = (Bed::new(), subject("unix:alice"));
    let (first, second) = (bed.ask(&alice), bed.ask(&alice));
    bed.accounts.tidy(Instant::now() + IDLE);
    first.settle(&outcome(), None).unwrap();
    bed.summaries(0).await;
    // Meanwhile another record takes the questions.
    bed.ask(&alice).settle(&outcome(), None).unwrap();
    second.settle(&outcome(), None).unwrap();
    assert_eq!(bed.summaries(1).await.len(), 2);
}

#[tokio::test]
async fn so_many_records_are_open_and_the_oldest_makes_room() {
    let bed = Bed::new();
    for number in 0..=MOST_OPEN {
        let owed = bed.ask(&subject(&format!("unix:u{number}")));
        owed.settle(&outcome(), None).unwrap();
    }
    let summaries = bed.summaries(1).await;
    assert_eq!(summaries.len(), MOST_OPEN + 1);
    let ended = summaries.iter().find(|s| s.end.is_some()).unwrap();
    assert_eq!(ended.start.subject, "unix:u0");
}

#[tokio::test]
async fn closing_ends_all_and_what_was_owed_is_told_it_is_too_late() {
    let (bed, alice) = (Bed::new(), subject("unix:alice"));
    let owed = bed.ask(&alice);
    bed.accounts.close().unwrap();
    assert!(owed.settle(&outcome(), None).is_err());
    let summaries = bed.summaries(1).await;
    assert_eq!(summaries[0].end, Some(End::Shutdown));
}

#[tokio::test]
async fn a_record_that_fails_is_followed_by_another() {
    let (bed, alice) = (Bed::new(), subject("unix:alice"));
    let records = bed.dir.path().join("records");
    let aside = bed.dir.path().join("aside");
    fs::rename(&records, &aside).unwrap();
    fs::write(&records, "in the way").unwrap();
    let speaker = Speaker {
        workload: &bed.workload,
        mode: Mode::Enforce,
        subject: &alice,
        process: &bed.process,
        destination: "192.0.2.53:53".parse().unwrap(),
        policy_version: "0123456789abcdef",
        since: Instant::now(),
    };
    let failed = bed.accounts.refused(&speaker, &bed.refusal, SAID);
    assert!(failed.is_err());
    fs::remove_file(&records).unwrap();
    fs::rename(&aside, &records).unwrap();
    bed.ask(&alice).settle(&outcome(), None).unwrap();
}

#[tokio::test]
async fn a_session_of_questions_can_be_killed_and_the_next_question_begins_another() {
    let bed = Bed::new();
    let alice = subject("unix:alice");
    let owed = bed.ask(&alice);
    let [id] = bed.accounts.beginning("")[..] else {
        panic!("one is open")
    };
    let end = End::Killed {
        by: "unix:root".to_owned(),
        reason: None,
    };
    assert!(bed.accounts.end(id, &end).unwrap());
    assert!(!bed.accounts.end(id, &end).unwrap(), "it is over");
    // What was under way can't be answered: its outcome is on no record.
    let unsettled = owed.settle(&outcome(), None);
    assert!(matches!(unsettled, Err(RecordError::Poisoned { .. })));
    let path = store::path_of(&bed.dir.path().join("records"), id);
    assert_eq!(Summary::read(&path).unwrap().end, Some(end));

    bed.ask(&alice).settle(&outcome(), None).unwrap();
    let next = bed.accounts.beginning("");
    assert!(next.len() == 1 && next[0] != id);
    assert!(bed.accounts.beginning(&id.to_string()).is_empty());
}
