use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    Answered, CommandText, Durability, Options, Recorder, SessionId, Settled,
    retain::Spared,
    samples::{ask, dir, key, outcome, permit, refusal, select, start, text},
};

/// What was heard, in words.
#[derive(Debug, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn hear(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Observer for Heard {
    fn begins(&self, start: &SessionStart) -> Box<dyn SessionObserver> {
        self.hear(format!("begins {}", start.id));
        Box::new(Self(Arc::clone(&self.0)))
    }

    fn wrote(&self, bytes: u64) {
        assert_ne!(bytes, 0);
    }

    fn synced(&self, _: Duration) {}
}

impl SessionObserver for Heard {
    fn recorded(&mut self) {}

    fn dialled(&mut self, _: Duration, reached: bool) {
        self.hear(format!("dialled {reached}"));
    }

    fn opened(&mut self, database: &str) {
        self.hear(format!("opened {database}"));
    }

    fn judged(&mut self, judged: &Judged<'_>) {
        let Judged {
            seq, took, verdict, ..
        } = judged;
        self.hear(format!("judged {seq} {verdict:?} timed {}", took.is_some()));
    }

    fn approval(&mut self, seq: Seq, _: i64, approval: &Approval) {
        let step = match approval {
            Approval::Asked { .. } => "asked",
            Approval::Answered { .. } => "answered",
            Approval::Settled { how } => how.as_str(),
        };
        self.hear(format!("approval {seq} {step}"));
    }

    fn outcome(&mut self, seq: Seq, _: i64, outcome: &Outcome) {
        self.hear(format!("outcome {seq} {} rows", outcome.rows));
    }

    fn ended(&mut self, _: i64, end: &End) {
        self.hear(format!("ended {end:?}"));
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.hear("dropped".to_owned());
    }
}

fn recorder(dir: &std::path::Path, heard: &Arc<Mutex<Vec<String>>>) -> Recorder {
    let options = Options {
        dir: dir.join("records"),
        key: key(1),
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    };
    let observer = Arc::new(Heard(Arc::clone(heard)));
    Recorder::open_observed(options, Spared::default(), observer).unwrap()
}

#[test]
fn everything_that_is_on_record_is_heard_in_its_order() {
    let (dir, heard) = (dir(), Arc::default());
    let recorder = recorder(dir.path(), &heard);
    let mut writer = recorder.create(&start()).unwrap();
    let id: SessionId = *writer.id();
    let statements = [select()];
    let command = CommandText {
        statements: (&statements).into(),
        ..text("select 1")
    };
    writer.dialled(std::time::Instant::now(), true);
    writer.opened("shop", "app", &Default::default()).unwrap();
    writer.hears(std::time::Instant::now());
    let recorded = writer.intent(permit(), command).unwrap();
    writer.outcome(recorded.seq(), &outcome(3, 1)).unwrap();
    writer.refused(&refusal(), command).unwrap();
    let asked = writer.asked(&ask(), command).unwrap();
    let answered = Approval::Answered {
        by: "unix:bob".to_owned(),
        name: None,
        answer: Answered::Once,
        reason: None,
    };
    writer.approval(asked, &answered).unwrap();
    let how = Settled::Approved;
    writer.approval(asked, &Approval::Settled { how }).unwrap();
    writer.end(&End::Closed).unwrap();
    assert_eq!(
        *heard.lock().unwrap(),
        [
            format!("begins {id}").as_str(),
            "dialled true",
            "opened shop",
            "judged 1 Allowed timed true",
            &format!("outcome 1 {} rows", outcome(3, 1).rows),
            "judged 2 Denied { rule: \"no-destroy\" } timed false",
            "judged 3 Asked timed false",
            "approval 3 answered",
            "approval 3 approved",
            "ended Closed",
            "dropped",
        ]
    );
}

#[test]
fn what_can_not_be_recorded_is_not_heard() {
    let (dir, heard) = (dir(), Arc::default());
    let recorder = recorder(dir.path(), &heard);
    let mut writer = recorder.create(&start()).unwrap();
    let other = {
        let mut other = recorder.create(&SessionStart {
            id: crate::samples::id(1),
            ..start()
        });
        let other = other.as_mut().unwrap();
        other.intent(permit(), text("select 1")).unwrap().seq()
    };
    heard.lock().unwrap().clear();
    writer.outcome(other, &outcome(3, 1)).unwrap_err();
    assert!(heard.lock().unwrap().is_empty());
    // A record that stops without an end.
    drop(writer);
    assert_eq!(*heard.lock().unwrap(), ["dropped"]);
}
