//! What changes a database's shape while its sessions do something else: earlier, later or past weir.

use std::time::{Duration, Instant};

use testbed::Postgres;

use crate::{
    common::Gate,
    shapes::{
        COMPUTE, Case, READ, WHOLE,
        Who::{A, B},
        connect, holes, policies, prepare, sees_clear, shown, stand,
    },
    unseen::{FUNCTION, NUDGE},
};

/// Statements of a session after which nobody may see an address, other than by code of [`unseen`](crate::unseen).
const OTHERWISE: [Case<'static>; 6] = [
    Case {
        name: "what hides another is forgotten",
        said: &[
            (A, "ALTER VIEW plain RENAME TO old"),
            (A, "ALTER VIEW ready RENAME TO plain"),
            (A, "CREATE TEMP VIEW plain AS SELECT 'nobody'::text AS who"),
            (A, COMPUTE),
            (A, "DISCARD TEMP"),
            (A, COMPUTE),
            (A, READ),
        ],
    },
    Case {
        name: "run and read in one message",
        said: &[
            (A, "SELECT swap(); SELECT who, upper(who) FROM plain"),
            (B, READ),
        ],
    },
    Case {
        name: "prepared long before",
        said: &[
            (A, "BEGIN"),
            (A, "SELECT swap()"),
            (A, "PREPARE TRANSACTION 'unseen'"),
            (A, "SELECT 1"),
            (B, "COMMIT PREPARED 'unseen'"),
            (B, READ),
            (A, COMPUTE),
            (A, READ),
        ],
    },
    Case {
        name: "committed in one message, and read in it",
        said: &[
            (
                A,
                "BEGIN; SELECT swap(); COMMIT; SELECT who, upper(who) FROM plain",
            ),
            (B, COMPUTE),
            (B, READ),
        ],
    },
    Case {
        name: "a table that becomes a view",
        said: &[
            (A, "BEGIN"),
            (A, "DO 'BEGIN PERFORM become(); END'"),
            (A, "SELECT who FROM harmless"),
            (A, "SELECT upper(who) FROM harmless"),
            (A, "COMMIT"),
            (A, "SELECT who FROM harmless"),
            (B, "SELECT who FROM harmless"),
        ],
    },
    Case {
        name: "a table in a table's place",
        said: &[
            (A, "BEGIN"),
            (A, "DO 'BEGIN PERFORM instead(); END'"),
            (A, "SELECT upper(who) FROM harmless"),
            (A, "SELECT who FROM harmless"),
            (A, "COMMIT"),
            (B, "SELECT who FROM harmless"),
        ],
    },
];

/// Functions for [`OTHERWISE`].
const MORE: &str = "
CREATE FUNCTION become() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        TRUNCATE harmless;
        CREATE RULE \"_RETURN\" AS ON SELECT TO harmless DO INSTEAD SELECT id, email AS who FROM people;
    ELSE
        DROP TABLE harmless;
        CREATE VIEW harmless AS SELECT id, email AS who FROM people;
    END IF;
    RETURN 1; END $$;
CREATE FUNCTION instead() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE harmless RENAME TO h;
    ALTER VIEW ready RENAME TO harmless; RETURN 1; END $$;";

#[test]
fn what_changes_otherwise_changes_nothing_unseen_either() {
    let (server, emails) = stand();
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut found = Vec::new();
    for case in OTHERWISE {
        prepare(&server, &format!("{FUNCTION}{MORE}"));
        found.extend(runtime.block_on(async {
            let sessions = [connect(&gate).await, connect(&gate).await];
            assert_eq!(shown(&sessions[0], NUDGE).await, "", "{}", case.name);
            sees_clear(&sessions, case.name).await;
            holes(&server, &sessions, &case, &emails).await
        }));
    }
    assert!(found.is_empty(), "{} holes: {found:#?}", found.len());
}

#[test]
fn what_somebody_changes_past_weir_shows_to_sessions_in_use() {
    let (server, emails) = stand();
    prepare(&server, FUNCTION);
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sessions = [connect(&gate).await, connect(&gate).await];
        sees_clear(&sessions, "before").await;
        server
            .psql_as_superuser("SET ROLE app; SELECT own.swap()")
            .unwrap();
        for client in &sessions {
            loop {
                let seen = shown(client, READ).await;
                if !emails.iter().any(|email| seen.contains(email)) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    });
}

#[test]
fn a_database_that_no_session_has_open_can_be_dropped() {
    let (server, _) = stand();
    let superuser = |sql: &str| server.psql_as_superuser(sql).unwrap();
    superuser("CREATE DATABASE done TEMPLATE shop");
    let gate = Gate::of(&server, policies());
    let read = ["-d", "done", "-c", "SELECT name FROM people LIMIT 1", "-c"];
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'done' AND application_name = 'weir catalogue'";
    let said = gate.psql_with(&[&read[..], &[looks]].concat());
    assert!(said.stdout_text().trim().ends_with("\n1"), "{said:?}");
    superuser("DROP DATABASE done");
}

#[test]
fn where_nobody_can_look_views_are_masked() {
    let (server, emails) = stand();
    prepare(&server, FUNCTION);
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(async {
        let sessions = [connect(&gate).await, connect(&gate).await];
        sees_clear(&sessions, "before").await;
        server
            .psql_as_superuser(
                "ALTER DATABASE shop CONNECTION LIMIT 0; SELECT pg_terminate_backend(pid) \
                 FROM pg_stat_activity WHERE application_name = 'weir catalogue'",
            )
            .unwrap();
        let case = Case {
            name: "nobody can look",
            said: &[
                (A, "SELECT swap()"),
                (B, COMPUTE),
                (A, READ),
                (B, READ),
                (A, COMPUTE),
            ],
        };
        holes(&server, &sessions, &case, &emails).await
    });
    assert!(found.is_empty(), "{found:#?}");
}

/// What commonly stands behind a write changes nothing, and costs a transaction nothing of what it sees.
#[test]
fn code_that_defines_nothing_leaves_a_transaction_what_it_sees() {
    let (server, _) = stand();
    prepare(
        &server,
        "CREATE VIEW lone AS SELECT name AS who FROM people; CREATE TABLE log (id int, op text);
         CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO log SELECT NEW.id, TG_OP; NEW.at = now(); RETURN NEW; END $$;
         CREATE TABLE stamped (id int PRIMARY KEY, at timestamptz);
         CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW
             EXECUTE FUNCTION stamp();
         CREATE FUNCTION total(int) RETURNS int LANGUAGE sql AS 'SELECT sum(id)::int FROM stamped';",
    );
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&gate).await;
        for run in ["INSERT INTO stamped VALUES (1)", "SELECT 1 FROM total(1)"] {
            assert_eq!(shown(&client, "BEGIN").await, "");
            let told = shown(&client, run).await;
            assert!(!told.contains("Error"), "{told}");
            let seen = shown(&client, "SELECT who, upper(who) FROM lone").await;
            assert!(seen.contains("Ada Brandt|ADA BRANDT"), "{run}: {seen}");
            let seen = shown(&client, "SELECT count(*) FROM people").await;
            assert_eq!(seen, "|20", "{run}");
            assert_eq!(shown(&client, "COMMIT").await, "");
        }
    });
}

/// How often weir has looked.
fn looks(server: &Postgres) -> usize {
    let received = server.received().unwrap();
    let looks = received
        .iter()
        .filter(|text| text.starts_with("EXECUTE weir_look"));
    looks.count()
}

#[test]
fn what_runs_no_such_code_has_nobody_look_and_what_does_has_one_look_each_time() {
    let (server, _) = stand();
    prepare(
        &server,
        &format!(
            "{FUNCTION} CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN NEW.id = NEW.id + 1; RETURN NEW; END'; \
             CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stamp(); \
             CREATE FUNCTION dynamic() RETURNS void LANGUAGE plpgsql AS \
             'BEGIN EXECUTE ''SELECT 1''; END'"
        ),
    );
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = connect(&gate).await;
        let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
        let (before, began) = (looks(&server), Instant::now());
        for id in 0..200_i32 {
            client.execute(&insert, &[&id]).await.unwrap();
            shown(&client, "SELECT id FROM people WHERE id = 1").await;
        }
        // Once a second, and not once a statement.
        let seldom = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
        let meanwhile = looks(&server) - before;
        assert!(meanwhile <= seldom, "{meanwhile} looks in {seldom} s");
        let before = looks(&server);
        for _ in 0..10 {
            client.batch_execute("SELECT dynamic()").await.unwrap();
        }
        let meanwhile = looks(&server) - before;
        assert!(meanwhile >= 10, "{meanwhile} looks behind 10 statements");
    });
}

/// Waits until the owner is told so.
async fn until(server: &Postgres, is_so: &str) {
    while server.psql_as_superuser(is_so).unwrap().trim() != "t" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn what_was_asked_before_a_change_and_is_answered_after_it_is_masked() {
    let (server, emails) = stand();
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let waits = "SELECT pg_advisory_lock(7)";
    for change in [
        "SELECT swap()",
        "DO 'BEGIN PERFORM swap(); END'",
        "DROP VIEW ready",
    ] {
        prepare(&server, FUNCTION);
        let seen = runtime.block_on(async {
            let sessions = [connect(&gate).await, connect(&gate).await];
            assert_eq!(shown(&sessions[0], NUDGE).await, "");
            sees_clear(&sessions, change).await;
            let [a, b] = &sessions;
            shown(a, waits).await;
            let quotes = "SELECT who::int FROM plain";
            let asked = async {
                let all = (
                    shown(b, waits),
                    shown(b, READ),
                    shown(b, COMPUTE),
                    shown(b, quotes),
                );
                tokio::join!(all.0, all.1, all.2, all.3)
            };
            let changed = async {
                let waiting = "SELECT count(*) = 1 FROM pg_locks \
                               WHERE locktype = 'advisory' AND NOT granted";
                until(&server, waiting).await;
                shown(a, change).await;
                shown(a, "SELECT pg_advisory_unlock(7)").await;
            };
            let ((_, read, computed, quoted), ()) = tokio::join!(asked, changed);
            format!("{read}{computed}{quoted}").to_lowercase()
        });
        let leaks = emails.iter().any(|email| seen.contains(email));
        assert!(!leaks, "{change}: {seen}");
        // Where nothing of it has changed it is shown as before.
        assert_eq!(
            seen.contains("ada brandt"),
            change.starts_with("DROP"),
            "{change}: {seen}"
        );
    }
}

#[test]
fn code_that_commits_before_it_is_done_changes_nothing_unseen() {
    let (server, emails) = stand();
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for run in [
        "CALL early()",
        "DO 'BEGIN PERFORM swap(); COMMIT; PERFORM id FROM t; END'",
        "BEGIN; SELECT swap(); COMMIT; SELECT id FROM t",
    ] {
        let early = "CREATE PROCEDURE early() LANGUAGE plpgsql AS \
                     'BEGIN PERFORM swap(); COMMIT; PERFORM id FROM t; END'";
        prepare(&server, &format!("{FUNCTION}{early}"));
        let seen = runtime.block_on(async {
            let sessions = [connect(&gate).await, connect(&gate).await];
            let holder = connect(&gate).await;
            assert_eq!(shown(&sessions[0], NUDGE).await, "");
            sees_clear(&sessions, run).await;
            let [a, b] = &sessions;
            let locked = shown(&holder, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await;
            assert_eq!(locked, "");
            let read = async {
                until(&server, "SELECT pg_get_viewdef('own.plain') LIKE '%email%'").await;
                let (read, computed) = (shown(b, READ).await, shown(b, COMPUTE).await);
                format!("{read}{computed}{}", shown(b, WHOLE).await).to_lowercase()
            };
            let mut runs = std::pin::pin!(shown(a, run));
            let seen = tokio::select! {
                told = &mut runs => panic!("{run} is done: {told}"),
                seen = read => seen,
            };
            shown(&holder, "ROLLBACK").await;
            runs.await;
            seen
        });
        assert!(
            !emails.iter().any(|email| seen.contains(email)),
            "{run}: {seen}"
        );
    }
}

#[test]
fn what_outlives_its_session_changes_nothing_unseen() {
    let (server, emails) = stand();
    let outlives = "CREATE PROCEDURE late() LANGUAGE plpgsql AS \
                    'BEGIN PERFORM id FROM t; PERFORM swap(); END'";
    prepare(&server, &format!("{FUNCTION}{outlives}"));
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = runtime.block_on(async {
        let sessions = [connect(&gate).await, connect(&gate).await];
        sees_clear(&sessions, "before").await;
        let [holder, b] = &sessions;
        let locked = shown(holder, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await;
        assert_eq!(locked, "");
        let port = gate.address.port();
        let at = format!("host=127.0.0.1 port={port} user=agent dbname=shop");
        let (a, connection) = tokio_postgres::connect(&at, tokio_postgres::NoTls)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let breaks_off = async {
            let waits = "SELECT count(*) = 1 FROM pg_locks \
                         WHERE relation = 'own.t'::regclass AND NOT granted";
            until(&server, waits).await;
            connection.abort();
        };
        tokio::join!(shown(&a, "CALL late()"), breaks_off);
        // As soon as weir has noticed, and as the lock is gone.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut seen = shown(b, READ).await;
        assert!(seen.contains("Ada Brandt"), "{seen}");
        shown(holder, "ROLLBACK").await;
        until(&server, "SELECT pg_get_viewdef('own.plain') LIKE '%email%'").await;
        seen.push_str(&shown(b, READ).await);
        seen.push_str(&shown(b, COMPUTE).await);
        seen.to_lowercase()
    });
    assert!(!emails.iter().any(|email| seen.contains(email)), "{seen}");
}
