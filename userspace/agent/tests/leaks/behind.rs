//! By what happens behind a statement: triggers, rules, checks, and other sessions.

use weir_wire::postgres::{Frame, backend::tag};

use crate::{
    messages::query,
    stand::{
        Stand,
        Walk::{Other, Simple},
        Way, say,
    },
};

#[test]
fn what_runs_behind_a_write_tells_nothing() {
    let of = |path, texts| Way {
        path,
        walk: Simple(texts),
    };
    Stand::new().holds(&[
        of("a trigger's notice", &["INSERT INTO told VALUES (7)"]),
        of(
            "a trigger's notice on UPDATE",
            &["UPDATE told SET id = 8 WHERE id = 1"],
        ),
        of(
            "a trigger behind a foreign key",
            &["UPDATE teller SET id = 8 WHERE id = 1"],
        ),
        of("a check's notice", &["INSERT INTO checked VALUES (1)"]),
    ]);
}

#[test]
fn a_notification_carries_nothing() {
    Stand::new().holds(&[
        Way {
            path: "NOTIFY by another session",
            walk: Other(|agent, server| {
                say(agent, &[query("LISTEN told")]);
                let told = "SELECT pg_notify('told', email) FROM vault WHERE id = 1";
                server.psql_as_superuser(told).unwrap();
                until_told(agent);
            }),
        },
        Way {
            path: "NOTIFY by a trigger",
            walk: Other(|agent, server| {
                say(agent, &[query("LISTEN told")]);
                say(agent, &[query("INSERT INTO told VALUES (700)")]);
                say(agent, &[query("SELECT 1")]);
                server
                    .psql_as_superuser("DELETE FROM told WHERE id = 700")
                    .unwrap();
            }),
        },
        Way {
            path: "pg_notify of it",
            walk: Other(|agent, _| {
                say(agent, &[query("LISTEN mine")]);
                say(
                    agent,
                    &[query(
                        "SELECT pg_notify('mine', email) FROM vault WHERE id = 1",
                    )],
                );
                say(agent, &[query("SELECT 1")]);
            }),
        },
    ]);
}

#[test]
fn who_may_see_one_class_sees_no_other_by_it() {
    let of = |path, texts| Way {
        path,
        walk: Simple(texts),
    };
    Stand::revealing_the_first().holds(&[
        of("a function's result", &["SELECT whose(1)"]),
        of("a function's rows", &["SELECT * FROM whole(1)"]),
        of("a function's message", &["SELECT fails(1)"]),
        of("a trigger's notice", &["INSERT INTO told VALUES (7)"]),
        of("a view over both", &["SELECT mixed FROM twofold"]),
        of(
            "COPY of a view over both",
            &["COPY (SELECT mixed FROM twofold) TO STDOUT"],
        ),
        of("a row with both", &["SELECT was FROM archive"]),
        of(
            "a CHECK's detail",
            &["UPDATE vault SET id = -1 WHERE id = 1"],
        ),
        of(
            "an expression over both",
            &["SELECT account_number || email FROM vault"],
        ),
        of(
            "one behind the other",
            &[
                "SELECT account_number, ssn FROM vault WHERE id = 2",
                "SELECT ssn FROM vault",
            ],
        ),
    ]);
}

/// Asks something harmless until a notification has come with an answer.
pub(crate) fn until_told(agent: &mut crate::agent::Agent) {
    let is_told = |heard: Vec<Frame>| heard.iter().any(|f| f.tag() == tag::NOTIFICATION_RESPONSE);
    let told = (0..100).any(|_| is_told(say(agent, &[query("SELECT pg_sleep(0.02)")])));
    assert!(told, "no notification came");
}
