//! Whatever a session goes through, its reader gives back.

use proptest::{collection, prelude::*};

use super::*;
use crate::{MaskedColumns, Process, Side, Status};

/// What a session may go through, in owned form.
#[derive(Clone, Debug)]
enum Step {
    Opened(String, String, BTreeMap<String, String>),
    Refused(Refusal, String),
    Asked(String),
    Outcome(Outcome),
    Response(Vec<u8>),
    Request(Vec<u8>),
    Note(String),
    Process(Process),
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let status = prop_oneof![
        any::<String>().prop_map(|tag| Status::Completed { tag }),
        any::<(String, String)>().prop_map(|(code, message)| Status::Failed { code, message }),
        Just(Status::Refused),
        Just(Status::Skipped),
        Just(Status::Lost),
    ];
    (status, any::<(u64, u64, u64, u64)>()).prop_map(|(status, (rows, bytes, masked, micros))| {
        Outcome {
            status,
            rows,
            bytes,
            masked,
            detected: Vec::new(),
            masked_columns: (0..u32::try_from(masked % 3).unwrap_or(0))
                .map(columns)
                .collect(),
            sent: masked.checked_sub(7),
            micros,
        }
    })
}

fn columns(statement: u32) -> MaskedColumns {
    MaskedColumns {
        statement,
        columns: (0..3).collect(),
    }
}

fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Closed),
        Just(End::ClientGone),
        Just(End::ServerGone),
        Just(End::Shutdown),
        Just(End::Idle),
        Just(End::WorkloadStopped),
        any::<String>().prop_map(|message| End::IdentityLost { message }),
        any::<String>().prop_map(|grant| End::GrantEnded { grant }),
        any::<(String, String)>().prop_map(|(rule, message)| End::Refused { rule, message }),
        any::<(String, String)>().prop_map(|(rule, message)| End::PolicyChanged { rule, message }),
        any::<(String, Option<String>)>().prop_map(|(by, reason)| End::Killed { by, reason }),
        any::<String>().prop_map(|message| End::Error { message }),
        (
            prop_oneof![Just(Side::Client), Just(Side::Server)],
            any::<String>()
        )
            .prop_map(|(side, message)| End::ProtocolError { side, message }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let settings = collection::btree_map(any::<String>(), any::<String>(), 0..3);
    let names = || collection::vec(any::<String>(), 0..3);
    let refusal =
        (any::<(String, String)>(), names()).prop_map(|((rule, message), deciding)| Refusal {
            rule,
            message,
            deciding,
            version: samples::version(),
        });
    prop_oneof![
        (any::<String>(), any::<String>(), settings).prop_map(|(d, u, s)| Step::Opened(d, u, s)),
        (refusal, any::<String>()).prop_map(|(refusal, text)| Step::Refused(refusal, text)),
        any::<String>().prop_map(Step::Asked),
        any_outcome().prop_map(Step::Outcome),
        collection::vec(any::<u8>(), 0..100).prop_map(Step::Response),
        collection::vec(any::<u8>(), 0..100).prop_map(Step::Request),
        any::<String>().prop_map(Step::Note),
        (any::<u32>(), any::<String>()).prop_map(|(pid, comm)| {
            Step::Process(Process {
                pid,
                comm,
                ..Process::default()
            })
        }),
    ]
}

/// Writes a step and says what a reader should give. The times are the writer's own.
fn write(writer: &mut SessionWriter, step: Step) -> Entry {
    let seq = writer.last;
    if let Step::Asked(text) = &step {
        writer.judged_in(Circumstances {
            in_transaction: text.len() % 2 == 0,
            moment: weir_policy::Moment::default(),
            rows: weir_policy::RowCounts {
                limit: (text.len() % 3 == 0).then_some(u64::MAX),
                estimated: (text.len() % 5 == 0).then_some(0),
            },
        });
    }
    let lookup = matches!(step, Step::Asked(_)).then_some(LookedUp {
        declared: true,
        names_per_minute: 7,
    });
    writer.looked_up(lookup);
    let context = writer.circumstances;
    let intent = |text, verdict| Intent {
        seq: seq.next(),
        at: 0,
        text,
        parameters: vec![],
        statements: vec![],
        signals: vec![],
        verdict,
        policy_version: samples::version().to_string(),
        context,
        lookup,
    };
    Entry::Event(match step {
        Step::Opened(database, user, settings) => {
            writer.opened(&database, &user, &settings).unwrap();
            Event::Opened {
                database,
                user,
                settings,
            }
        }
        Step::Refused(refusal, sent) => {
            assert_eq!(writer.refused(&refusal, text(&sent)).unwrap(), seq.next());
            let Refusal {
                rule,
                message,
                deciding: policies,
                ..
            } = refusal;
            Event::Intent(intent(
                sent,
                VerdictSummary::Deny {
                    rule,
                    message,
                    policies,
                },
            ))
        }
        Step::Asked(sent) => {
            let ask = ask();
            assert_eq!(writer.asked(&ask, text(&sent)).unwrap(), seq.next());
            let verdict = VerdictSummary::Ask {
                approvers: ask.approvers(),
                message: ask.message().map(str::to_owned),
                policies: ask.deciding().to_vec(),
            };
            Event::Intent(Intent {
                policy_version: ask.version().to_string(),
                ..intent(sent, verdict)
            })
        }
        Step::Outcome(outcome) => {
            writer.outcome(seq, &outcome).unwrap();
            Event::Outcome { seq, outcome }
        }
        Step::Response(bytes) => {
            writer.response(seq, &bytes).unwrap();
            return Entry::Response { seq, at: 0, bytes };
        }
        Step::Request(bytes) => {
            writer.request(seq, &bytes).unwrap();
            return Entry::Request { seq, at: 0, bytes };
        }
        Step::Process(process) => {
            writer.process(&process).unwrap();
            Event::Process(process)
        }
        Step::Note(message) => {
            writer.note(&message).unwrap();
            Event::Note { message }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read(steps in collection::vec(any_step(), 0..12), end in any_end()) {
        let dir = dir();
        let mut writer = SessionWriter::create(dir.path(), &start()).unwrap();
        let path = writer.path().to_owned();
        let mut expected = vec![Entry::Event(Event::Start(start()))];
        // So that there is a command for outcomes and responses to be of.
        expected.push(write(&mut writer, Step::Refused(refusal(), "first".to_owned())));
        for step in steps {
            expected.push(write(&mut writer, step));
        }
        writer.end(&end).unwrap();
        expected.push(Entry::Event(Event::End(end)));

        let (mut entries, error, tail) = read(&path);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(tail, Tail::Whole);
        for entry in &mut entries {
            match entry {
                Entry::Event(Event::Intent(Intent { at, .. }))
                | Entry::Response { at, .. }
                | Entry::Request { at, .. } => {
                    prop_assert!(*at >= 0);
                    *at = 0;
                }
                Entry::Event(_) => {}
            }
        }
        prop_assert_eq!(entries, expected);
    }
}
