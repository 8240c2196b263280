//! Values for the tests of this crate.

use jiff::Timestamp;
use weir_command::{ColumnUse, Command, Control, Predicate, Statement, Verb};
use weir_record::{Outcome, Process, Seq, SessionId, SessionStart, Status};

use crate::{Declared, Meters, Teller};

/// A session of the workload `ci` with the target `orders`.
pub(crate) fn start(number: u32) -> SessionStart {
    let started = Timestamp::from_second(1_795_000_000).unwrap();
    SessionStart {
        id: SessionId::new(started, number),
        started,
        workload: "ci".to_owned(),
        subject: "workload:ci-bot".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
        process: Process::default(),
        destination: "192.0.2.7:5432".to_owned(),
        destination_name: Some("db.internal".to_owned()),
        target: Some("orders".to_owned()),
        protocol: Some("postgres".to_owned()),
        policy_version: "0123456789abcdef".to_owned(),
        observed: false,
    }
}

/// The number of a command; only records make them otherwise.
pub(crate) fn seq(number: u64) -> Seq {
    serde_json::from_value(number.into()).unwrap()
}

/// What was read in a command.
pub(crate) fn statement(verb: Verb) -> Statement {
    Statement::Command(Box::new(Command {
        verb,
        objects: Vec::new(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: [].into(),
        functions: [].into(),
        operators: [].into(),
        row_limit: weir_command::RowLimit::Unknown,
        gathers: false,
        control: Control::None,
    }))
}

/// What became of a command.
pub(crate) fn outcome(status: Status) -> Outcome {
    Outcome {
        status,
        rows: 7,
        bytes: 1000,
        masked: 2,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: 2_500,
    }
}

/// Counts for the workload `ci` and the target `orders`.
pub(crate) fn meters() -> Meters {
    let orders = Declared {
        name: "orders".to_owned(),
        protocol: "postgres".to_owned(),
        upstream: Some(("127.0.0.1".to_owned(), 5432)),
    };
    Meters::new(vec![orders], vec!["ci".to_owned()])
}

pub(crate) fn teller() -> Teller {
    Teller {
        host: "db-1".to_owned(),
        version: "0.1.0".to_owned(),
        instance: "test".to_owned(),
        started: 1,
    }
}
