//! Budgets, hours, novelty and refusals against real clients: by whatever way an agent goes, what it
//! does is counted, and a signal that was raised changes what follows.

use std::{future::Future, thread, time::Duration};

use futures_util::future::join_all;
use testbed::{Output, Postgres};
use tokio_postgres::{Client, NoTls};
use weir_policy::{Policies, Source};
use weir_record::{End, Entry, Event, SessionReader};

use crate::{common::Gate, server};

/// Everything may be done as long as nothing is raised; a transaction can always be ended.
pub(crate) const POLICY: &str = r#"
@id("all")
permit (principal, action in Weir::Action::"command", resource);
@id("over")
@message("enough for now")
forbid (principal, action in Weir::Action::"command", resource)
when { !context.signals.isEmpty() }
unless { action in [Weir::Action::"connect", Weir::Action::"transaction"] };
"#;

pub(crate) fn policies(policy: &str, signals: &str) -> Policies {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let sources = [source("a.cedar", policy), source("signals.toml", signals)];
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"))
}

fn gate(server: &Postgres, signals: &str) -> Gate {
    gate_of(server, POLICY, signals)
}

pub(crate) fn gate_of(server: &Postgres, policy: &str, signals: &str) -> Gate {
    Gate::of(server, policies(policy, signals))
}

pub(crate) fn budget(what: &str, limit: u64, more: &str) -> String {
    format!(
        "[[budget]]\nname = \"much\"\nwhat = \"{what}\"\nlimit = {limit}\nwindow = \"10m\"\n{more}\n"
    )
}

/// One psql, a statement an argument.
pub(crate) fn run(gate: &Gate, statements: &[&str]) -> Output {
    let arguments: Vec<&str> = statements.iter().flat_map(|sql| ["-c", *sql]).collect();
    gate.psql_with(&arguments)
}

pub(crate) fn with_client<F: Future<Output = ()>>(gate: &Gate, work: impl FnOnce(Client) -> F) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = format!(
        "host=127.0.0.1 port={} user=agent dbname=shop sslmode=disable",
        gate.address.port()
    );
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        tokio::time::timeout(Duration::from_secs(60), work(client))
            .await
            .expect("in time");
        driver.abort();
    });
}

/// Rows that all sessions have shown, once `count` of them have ended.
fn rows(gate: &Gate, count: usize) -> u64 {
    gate.ended(count).iter().map(|summary| summary.rows).sum()
}

pub(crate) fn intents(gate: &Gate) -> Vec<weir_record::Intent> {
    let records = gate.summaries().into_iter().map(|summary| {
        let path = weir_record::store::path_of(&gate.records, summary.start.id);
        SessionReader::open(&path).unwrap()
    });
    records
        .flatten()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Intent(intent)) => Some(intent),
            _ => None,
        })
        .collect()
}

#[test]
fn rows_in_many_small_statements_end_with_figures_in_the_refusal_and_the_record() {
    let server = server();
    let gate = gate(&server, &budget("rows", 5, ""));
    let out = run(&gate, &["SELECT 1"; 7]);
    assert_eq!(out.stdout_text().lines().count(), 5);
    let figures = "much (rows: 5 in 10m of at most 5, for unix:tester on db)";
    assert_eq!(out.stderr_text().matches(figures).count(), 2);
    assert!(out.stderr_text().contains("enough for now"));
    let intents = intents(&gate);
    assert_eq!(intents.len(), 7);
    assert!(intents[..5].iter().all(|intent| intent.signals.is_empty()));
    assert!(figures.contains(&intents[6].signals[0].figures));
    assert_eq!(intents[6].signals[0].count, Some(5));
}

#[test]
fn one_huge_result_counts_for_the_next_statement_or_is_cut_at_the_row() {
    let server = server();
    let huge = "SELECT generate_series(1, 20000)";
    let copied = "COPY (SELECT generate_series(1, 20000)) TO STDOUT";
    for sql in [huge, copied] {
        let counted = gate(&server, &budget("rows", 1000, ""));
        let out = run(&counted, &[sql, "SELECT 'next'"]);
        assert_eq!(out.stdout_text().lines().count(), 20000, "{sql}");
        assert!(out.stderr_text().contains("rows: 20,000 in 10m"), "{sql}");

        let cutting = gate(&server, &budget("rows", 1000, "cut = true"));
        let out = run(&cutting, &[sql]);
        let told = out.stderr_text();
        assert!(
            told.contains("FATAL") && told.contains("exceeds a budget"),
            "{told}"
        );
        assert_eq!(rows(&cutting, 1), 1000, "{sql}");
        match &cutting.ended(1)[0].end {
            Some(End::PolicyChanged { rule, .. }) => assert_eq!(rule, "budget-cut"),
            other => panic!("{other:?}"),
        }
    }
    let gate = gate(&server, &budget("bytes", 10_000, "cut = true"));
    run(
        &gate,
        &["SELECT repeat('x', 1000) FROM generate_series(1, 100)"],
    );
    assert!((8..10).contains(&rows(&gate, 1)), "{}", rows(&gate, 1));
}

#[test]
fn cursors_portals_prepared_statements_and_many_statements_in_a_text_are_counted() {
    let server = server();
    let rows10 = gate(&server, &budget("rows", 10, ""));
    let declare = "DECLARE c CURSOR FOR SELECT generate_series(1, 100)";
    let out = run(
        &rows10,
        &[
            "BEGIN",
            declare,
            "FETCH 5 c",
            "FETCH 5 c",
            "FETCH 5 c",
            "ROLLBACK",
        ],
    );
    assert_eq!(out.stdout_text().matches('\n').count(), 2 + 10 + 1);
    assert!(out.stderr_text().contains("rows: 10 in 10m"));

    let portals = gate(&server, &budget("rows", 10, ""));
    with_client(&portals, |mut client| async move {
        let transaction = client.transaction().await.unwrap();
        let portal = transaction
            .bind("SELECT generate_series(1, 100)", &[])
            .await
            .unwrap();
        for _ in 0..2 {
            assert_eq!(transaction.query_portal(&portal, 5).await.unwrap().len(), 5);
        }
        let error = transaction.query_portal(&portal, 5).await.unwrap_err();
        assert!(format!("{error:?}").contains("enough for now"), "{error:?}");
    });

    let executed = gate(&server, &budget("statements", 5, ""));
    with_client(&executed, |client| async move {
        let statement = client.prepare("SELECT 1").await.unwrap();
        for _ in 0..5 {
            client.query(&statement, &[]).await.unwrap();
        }
        let error = client.query(&statement, &[]).await.unwrap_err();
        assert!(
            format!("{error:?}").contains("statements: 5 in 10m"),
            "{error:?}"
        );
    });

    let two = gate(&server, &budget("statements", 2, ""));
    let out = run(
        &two,
        &[
            "SELECT 1; SELECT 2; SELECT 3",
            "SELECT 4; SELECT 5",
            "SELECT 6",
        ],
    );
    assert_eq!(out.stdout_text().lines().collect::<Vec<_>>(), ["4", "5"]);

    // What a statement changes counts, also behind one that shows (a text counts as a whole), and by
    // SQL's EXECUTE.
    let written = gate(&server, &budget("rows", 20, "actions = [\"write\"]"));
    let out = run(
        &written,
        &[
            "CREATE TEMP TABLE t (n int)",
            "SELECT generate_series(1, 100)",
            "SELECT 1; INSERT INTO t SELECT generate_series(1, 10)",
            "PREPARE p AS INSERT INTO t SELECT generate_series(1, 10)",
            "EXECUTE p",
            "EXECUTE p",
        ],
    );
    assert!(
        out.stderr_text().contains("rows: 21 in 10m of at most 20"),
        "{}",
        out.stderr_text()
    );
    assert_eq!(out.stderr_text().matches("enough for now").count(), 1);
}

#[test]
fn errors_and_statements_sent_ahead_do_not_escape() {
    let server = server();
    let failing = gate(&server, &budget("rows", 5, ""));
    let out = run(
        &failing,
        &[
            "SELECT 1 / (8 - n) FROM generate_series(1, 20) n",
            "SELECT 1",
        ],
    );
    assert!(out.stderr_text().contains("division by zero"));
    assert!(out.stderr_text().contains("enough for now"));

    let ahead = gate(&server, &budget("rows", 25, ""));
    with_client(&ahead, |client| async move {
        let all = (0..20).map(|_| client.simple_query("SELECT generate_series(1, 10)"));
        let done = join_all(all).await;
        assert!(done.iter().filter(|result| result.is_ok()).count() <= 3);
    });
    assert!(rows(&ahead, 1) <= 30, "{}", rows(&ahead, 1));

    // Bound before, executed after.
    let bound = gate(&server, &budget("rows", 10, ""));
    with_client(&bound, |mut client| async move {
        let transaction = client.transaction().await.unwrap();
        let mut portals = Vec::new();
        for _ in 0..3 {
            portals.push(
                transaction
                    .bind("SELECT generate_series(1, 10)", &[])
                    .await
                    .unwrap(),
            );
        }
        assert_eq!(
            transaction
                .query_portal(&portals[0], 0)
                .await
                .unwrap()
                .len(),
            10
        );
        assert!(transaction.query_portal(&portals[1], 0).await.is_err());
    });
}

#[test]
fn sessions_share_a_budget_at_once_and_one_after_the_other() {
    let server = server();
    let parallel = gate(&server, &budget("rows", 150, "cut = true"));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(&parallel, &["SELECT generate_series(1, 100)"]));
        }
    });
    let shown = rows(&parallel, 4);
    assert!(shown <= 150 && shown > 100, "{shown}");

    let again = gate(&server, &budget("statements", 3, ""));
    for expected in [true, true, true, false, false] {
        let out = run(&again, &["SELECT 1"]);
        assert_eq!(out.stdout_text().trim() == "1", expected);
    }

    let policy = POLICY.replace("Weir::Action::\"connect\", ", "");
    let opened = gate_of(&server, &policy, &budget("sessions", 2, ""));
    for expected in [true, true, false] {
        let out = run(&opened, &["SELECT 1"]);
        assert_eq!(out.stdout_text().trim() == "1", expected);
        assert!(
            expected
                || out
                    .stderr_text()
                    .contains("sessions: 2 in 10m of at most 2")
        );
    }
}

#[test]
fn hours_novelty_tables_and_refusals_raise_signals() {
    let server = server();
    let hour = (jiff::Timestamp::now().as_second() / 3600 + 3) % 24;
    let hours = |hours: &str| {
        format!(
            "[[schedule]]\nname = \"hours\"\nzone = \"UTC\"\ndays = [\"mon-sun\"]\nhours = [\"{hours}\"]\n"
        )
    };
    let closed = gate(&server, &hours(&format!("{hour:02}:00-{hour:02}:30")));
    let out = run(&closed, &["SELECT 1"]);
    assert!(
        out.stderr_text().contains("is outside of the hours"),
        "{}",
        out.stderr_text()
    );
    let open = gate(&server, &hours("00:00-24:00"));
    assert_eq!(run(&open, &["SELECT 1"]).stdout_text().trim(), "1");

    let learned = gate(
        &server,
        "[[novelty]]\nname = \"new\"\nwhat = \"table\"\nlearn_messages = 3\n",
    );
    let (orders, people) = ("SELECT count(*) FROM orders", "SELECT count(*) FROM people");
    let out = run(
        &learned,
        &[orders, orders, orders, orders, people, people, orders],
    );
    assert_eq!(out.stdout_text().lines().count(), 5);
    assert_eq!(
        out.stderr_text()
            .matches("table people: first seen, for unix:tester on db")
            .count(),
        2
    );

    let one = gate(&server, &budget("tables", 1, ""));
    let out = run(&one, &[orders, orders, people, orders]);
    assert_eq!(out.stdout_text().lines().count(), 3);
    assert!(out.stderr_text().contains("tables: 1 in 10m of at most 1"));

    let policy = format!(
        "{POLICY} @id(\"no-drop\") forbid (principal, action == Weir::Action::\"drop\", resource);"
    );
    let tried = gate_of(
        &server,
        &policy,
        "[[refusals]]\nname = \"tries\"\nlimit = 3\nwindow = \"10m\"\n",
    );
    let drop = "DROP TABLE orders";
    let out = run(
        &tried,
        &["SELECT 1", drop, drop, "SELECT 2", drop, "SELECT 3"],
    );
    assert_eq!(out.stdout_text().lines().collect::<Vec<_>>(), ["1", "2"]);
    assert!(
        out.stderr_text()
            .contains("refusals: 3 in 10m of at most 3")
    );
}

#[test]
fn a_signal_masks_what_was_clear_and_remembered_verdicts_do_not_outlive_it() {
    let server = server();
    let policy = r#"
@id("all")
permit (principal, action in Weir::Action::"command", resource);
@id("clear")
permit (principal, action == Weir::Action::"reveal", resource)
unless { context.signals.contains("much") };
"#;
    let masked = gate_of(&server, policy, &budget("rows", 3, ""));
    let email = "SELECT email FROM people ORDER BY id LIMIT 1";
    let out = run(&masked, &[email; 5]);
    let shown: Vec<bool> = out
        .stdout_text()
        .lines()
        .map(|line| line.contains('*'))
        .collect();
    assert_eq!(shown, [false, false, false, true, true]);

    // A cursor that was declared while all was clear; upper() is an expression over the column.
    let cursors = gate_of(&server, policy, &budget("rows", 2, ""));
    let declare = "DECLARE c CURSOR FOR SELECT upper(email) FROM people ORDER BY id";
    let out = run(&cursors, &["BEGIN", declare, "FETCH 2 c", "FETCH 2 c"]);
    let all = out.stdout_text();
    let clear = all.lines().filter(|line| line.contains('@')).count();
    assert_eq!(clear, 2, "{all}");
}
