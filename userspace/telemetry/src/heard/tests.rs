use weir_command::Verb;
use weir_record::SessionObserver;

use super::*;
use crate::{
    prometheus::text,
    sample::{meters, outcome, seq, start, statement},
};

fn listener() -> Listener {
    Listener {
        meters: Arc::new(meters()),
        tracer: None,
    }
}

fn judged<'a>(number: u64, statements: &'a [Statement], verdict: Judgement<'a>) -> Judged<'a> {
    Judged {
        seq: seq(number),
        at: 1_000_000,
        took: Some(Duration::from_micros(80)),
        statements,
        verdict,
    }
}

fn completed() -> Outcome {
    let tag = "SELECT 7".to_owned();
    outcome(Status::Completed { tag })
}

/// That these lines are told.
fn holds(listener: &Listener, lines: &[&str]) {
    let text = text(&listener.meters.families());
    for line in lines {
        assert!(text.lines().any(|told| told == *line), "{line} in:\n{text}");
    }
}

#[test]
fn a_session_and_its_commands_are_counted() {
    let listener = listener();
    let mut heard = listener.begins(&start(1));
    heard.dialled(Duration::from_millis(30), true);
    heard.opened("shop");
    let select = [statement(Verb::Select)];
    heard.judged(&judged(1, &select, Judgement::Allowed));
    heard.outcome(seq(1), 1_010_000, &completed());
    let rule = "no-destroy";
    let drop = [statement(Verb::Drop)];
    heard.judged(&judged(2, &drop, Judgement::Denied { rule }));
    heard.outcome(seq(2), 1_020_000, &outcome(Status::Refused));
    let two = [statement(Verb::Insert), statement(Verb::Update)];
    heard.judged(&judged(3, &two, Judgement::Observed));
    heard.outcome(
        seq(3),
        1_030_000,
        &outcome(Status::Failed {
            code: "23505".to_owned(),
            message: String::new(),
        }),
    );
    listener.wrote(4096);
    listener.synced(Duration::from_millis(2));
    let target = "weir_target=\"orders\",network_protocol_name=\"postgres\"";
    let database = "db_system_name=\"postgresql\",weir_target=\"orders\",server_address=\"127.0.0.1\",server_port=\"5432\"";
    holds(
        &listener,
        &[
            &format!("weir_session_active{{{target},weir_workload=\"ci\"}} 1"),
            &format!("weir_session_opened_total{{{target},weir_workload=\"ci\"}} 1"),
            &format!("weir_verdicts_total{{{target},weir_verdict=\"permit\"}} 1"),
            &format!("weir_verdicts_total{{{target},weir_verdict=\"observed\"}} 1"),
            &format!("weir_verdicts_total{{{target},weir_verdict=\"deny\"}} 1"),
            &format!("weir_verdict_duration_seconds_bucket{{{target},le=\"0.0001\"}} 3"),
            &format!("weir_verdict_duration_seconds_bucket{{{target},le=\"0.00005\"}} 0"),
            "weir_command_denied_total{weir_rule=\"no-destroy\"} 1",
            &format!("weir_masked_total{{{target}}} 6"),
            &format!("weir_io_bytes_total{{{target},network_io_direction=\"receive\"}} 3000"),
            &format!(
                "db_client_operation_duration_seconds_count{{{database},db_operation_name=\"select\"}} 1"
            ),
            &format!(
                "db_client_operation_duration_seconds_sum{{{database},db_operation_name=\"select\"}} 0.0025"
            ),
            &format!(
                "db_client_operation_duration_seconds_count{{{database},db_operation_name=\"batch\",error_type=\"target\"}} 1"
            ),
            &format!("db_client_response_returned_rows_sum{{{database}}} 7"),
            &format!(
                "db_client_connection_create_time_seconds_sum{{{database},db_client_connection_pool_name=\"orders\"}} 0.03"
            ),
            "weir_record_written_bytes_total 4096",
            "weir_record_sync_duration_seconds_count 1",
        ],
    );
    heard.ended(2_000_000, &End::Closed);
    std::mem::drop(heard);
    holds(
        &listener,
        &[
            &format!("weir_session_active{{{target},weir_workload=\"ci\"}} 0"),
            &format!(
                "weir_session_ended_total{{{target},weir_workload=\"ci\",weir_session_end=\"closed\"}} 1"
            ),
        ],
    );
}

#[test]
fn what_waits_for_people_waits_no_longer_however_it_ends() {
    let listener = listener();
    let select = [statement(Verb::Delete)];
    let ask = |heard: &mut Box<dyn SessionObserver>, number| {
        heard.judged(&judged(number, &select, Judgement::Asked));
    };
    let mut heard = listener.begins(&start(1));
    ask(&mut heard, 1);
    holds(&listener, &["weir_approval_pending 1"]);
    let answer = Answered::Once;
    let answered = Approval::Answered {
        by: "unix:bob".to_owned(),
        name: None,
        answer,
        reason: None,
    };
    heard.approval(seq(1), 30_000_000, &answered);
    let how = Settled::Approved;
    heard.approval(seq(1), 31_000_000, &Approval::Settled { how });
    let lines = [
        "weir_approval_pending 0",
        "weir_approval_answers_total{weir_approval_answer=\"once\"} 1",
        "weir_approval_settled_total{weir_approval_outcome=\"approved\"} 1",
        "weir_approval_wait_duration_seconds_sum 30",
    ];
    holds(&listener, &lines);
    // Settled twice, of nobody, and by the end of the session or of the record.
    heard.approval(seq(1), 31_000_000, &Approval::Settled { how });
    heard.approval(seq(9), 31_000_000, &Approval::Settled { how });
    holds(&listener, &["weir_approval_pending 0"]);
    ask(&mut heard, 2);
    heard.ended(40_000_000, &End::ClientGone);
    std::mem::drop(heard);
    let mut heard = listener.begins(&start(2));
    ask(&mut heard, 1);
    std::mem::drop(heard);
    let ended = "weir_session_ended_total{weir_target=\"orders\",network_protocol_name=\"postgres\",weir_workload=\"ci\",weir_session_end=\"unrecorded\"} 1";
    holds(&listener, &["weir_approval_pending 0", ended]);
}

#[test]
fn nobody_who_chooses_names_widens_a_label() {
    let listener = listener();
    let before = listener.meters.families();
    for number in 0..1000 {
        let mut heard = listener.begins(&SessionStart {
            workload: format!("workload-{number}"),
            target: Some(format!("target-{number}")),
            protocol: Some(format!("protocol-{number}")),
            ..start(number)
        });
        let rule = format!("rule-{number}");
        heard.judged(&judged(1, &[], Judgement::Denied { rule: &rule }));
        heard.opened(&format!("database-{number}"));
        let message = String::new();
        heard.ended(1, &End::Refused { rule, message });
    }
    let after = listener.meters.families();
    let points = |families: &[crate::Family]| -> usize {
        families.iter().map(|family| family.points.len()).sum()
    };
    let more = points(&after) - points(&before);
    assert!(more < 2 * 201 + 10, "{more}");
    holds(
        &listener,
        &["weir_connection_refused_total{weir_rule=\"_OTHER\"} 800"],
    );
}

#[test]
fn questions_to_resolvers_are_told_by_what_became_of_them() {
    let listener = listener();
    let mut heard = listener.begins(&SessionStart {
        target: None,
        protocol: Some("dns".to_owned()),
        ..start(1)
    });
    let failed = Status::Failed {
        code: "SERVFAIL".to_owned(),
        message: String::new(),
    };
    let statuses = [completed().status, Status::Refused, failed.clone(), failed];
    for (number, status) in (1..).zip(statuses) {
        heard.judged(&judged(number, &[], Judgement::Allowed));
        heard.outcome(seq(number), 1, &outcome(status));
    }
    holds(
        &listener,
        &[
            "weir_dns_questions_total{weir_dns_outcome=\"answered\"} 1",
            "weir_dns_questions_total{weir_dns_outcome=\"refused\"} 1",
            "weir_dns_questions_total{weir_dns_outcome=\"failed\"} 2",
            "weir_verdicts_total{weir_target=\"\",network_protocol_name=\"dns\",weir_verdict=\"permit\"} 4",
        ],
    );
}

#[test]
fn commands_without_end_fill_nothing() {
    let listener = listener();
    let mut heard = listener.begins(&start(1));
    let select = [statement(Verb::Select)];
    let many = MOST_UNDER_WAY as u64 + 1000;
    for number in 1..=many {
        heard.judged(&judged(number, &select, Judgement::Allowed));
    }
    for number in 1..=many {
        heard.outcome(seq(number), 1, &completed());
    }
    let database = "db_system_name=\"postgresql\",weir_target=\"orders\",server_address=\"127.0.0.1\",server_port=\"5432\"";
    let count = |operation, count| {
        format!(
            "db_client_operation_duration_seconds_count{{{database},db_operation_name=\"{operation}\"}} {count}"
        )
    };
    let (select, other) = (count("select", MOST_UNDER_WAY), count("_OTHER", 1000));
    holds(&listener, &[&select, &other]);
}
