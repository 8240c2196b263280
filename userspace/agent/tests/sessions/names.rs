//! What a name means: by the search path that the target has, whatever has set it, and with what is
//! behind a view or a rule. `hr` is closed to agents, and each way into it is first shown to be one.

use testbed::{Postgres, Spawn};
use tokio_postgres::NoTls;
use weir_policy::{Policies, Source};

use crate::{common::Gate, common::tls_of, server};

/// In `hr.people`, where `public.people` has others.
const CANARY: &str = "hr-canary-4711";

const CLOSED: &str = r#"
    @id("no-hr") @message("hr is closed")
    forbid (principal, action in Weir::Action::"command", resource in Weir::Schema::"db/shop/hr");
"#;

const SETUP: &str = "
    SET ROLE app;
    CREATE SCHEMA hr;
    CREATE TABLE hr.people (id int PRIMARY KEY, name text);
    INSERT INTO hr.people VALUES (1, 'hr-canary-4711');
    CREATE VIEW staff AS SELECT id, name FROM hr.people;
    CREATE VIEW staff_of_staff AS SELECT name FROM (SELECT * FROM staff) s;
    CREATE VIEW headcount AS SELECT p.name, (SELECT min(name) FROM hr.people) AS least FROM people p;
    CREATE MATERIALIZED VIEW snapshot AS SELECT name FROM hr.people;
    CREATE VIEW inbox AS SELECT 1 AS id, ''::text AS name;
    CREATE RULE file AS ON INSERT TO inbox DO INSTEAD
        INSERT INTO hr.people VALUES (NEW.id, NEW.name);
    CREATE TABLE board (id int, said text);
    CREATE RULE copies AS ON INSERT TO board DO ALSO
        UPDATE hr.people SET name = NEW.said WHERE id = NEW.id;
    CREATE FUNCTION moves() RETURNS int LANGUAGE plpgsql
        AS $$ BEGIN PERFORM set_config('search_path', 'hr', false); RETURN 1; END $$;
    CREATE FUNCTION moves_too() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM set_config('search_path', 'hr', false); RETURN NEW; END $$;
    CREATE TABLE moved (id int);
    CREATE TRIGGER moves BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION moves_too();
    CREATE VIEW moving AS SELECT moves() AS m;
    CREATE FUNCTION within(out name text) LANGUAGE plpgsql SET search_path = hr
        AS $$ BEGIN SELECT p.name INTO name FROM people p; END $$;
";

fn closed(more: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "closed.cedar".into(),
        text: format!("{CLOSED}{more}"),
    });
    Policies::load(&sources).unwrap()
}

fn stand() -> (Postgres, Gate) {
    let server = server();
    server.psql_as_superuser(SETUP).unwrap();
    let gate = Gate::with(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        closed(""),
    );
    (server, gate)
}

/// The queries in one session, each by itself: beside weir, and through it.
fn both(server: &Postgres, gate: &Gate, options: &str, queries: &[&str]) -> [String; 2] {
    [server.addr(), gate.address].map(|address| {
        let queries = queries.iter().flat_map(|query| ["-c", *query]);
        let out = Spawn::new("psql")
            .args([
                "-X",
                "-A",
                "-t",
                "-h",
                "127.0.0.1",
                "-U",
                "app",
                "-d",
                "shop",
            ])
            .args(["-p", &address.port().to_string()])
            .args(queries)
            .env("PGPASSWORD", server.app_password())
            .env("PGOPTIONS", options)
            .run()
            .unwrap();
        format!("{}{}", out.stdout_text(), out.stderr_text())
    })
}

/// Each shows the canary beside weir, and none through it.
fn closes(server: &Postgres, gate: &Gate, ways: &[&[&str]]) {
    for queries in ways {
        let [free, governed] = both(server, gate, "", queries);
        assert!(free.contains(CANARY), "{queries:?} proves nothing: {free}");
        assert!(!governed.contains(CANARY), "{queries:?}: {governed}");
        assert!(governed.contains("weir:"), "{queries:?}: {governed}");
    }
}

const ASK: &str = "SELECT name FROM people";

#[test]
fn a_name_means_what_the_search_path_says() {
    let (server, gate) = stand();
    for queries in [
        &[ASK][..],
        &["SET search_path = public, hr", ASK],
        &["BEGIN", "SET LOCAL search_path = hr", "ROLLBACK", ASK],
        &["BEGIN", "SET search_path = hr", "ROLLBACK", ASK],
        &["SET search_path = hr", "RESET search_path", ASK],
        &["SET search_path = hr", "DISCARD ALL", ASK],
        &["SET search_path = nowhere, \"$user\", PUBLIC", ASK],
        &["SELECT FROM moves()", "SET search_path = public", ASK],
        &["SET search_path = hr; SET search_path = public", ASK],
        &["PREPARE q AS SELECT name FROM people", "EXECUTE q"],
        &["SELECT name FROM \"public\".People"],
        &["SELECT name FROM U&\"p\\0075blic\".U&\"peopl!0065\" UESCAPE '!'"],
    ] {
        let [free, governed] = both(&server, &gate, "", queries);
        assert!(free.contains("Ada Brandt"), "{queries:?}: {free}");
        assert_eq!(free, governed, "{queries:?}");
    }
    let [free, governed] = both(&server, &gate, "-c search_path=hr,public", &[ASK]);
    assert!(free.contains(CANARY), "{free}");
    assert!(governed.contains("hr is closed"), "{governed}");
}

#[test]
fn no_search_path_leads_to_what_is_closed() {
    let (server, gate) = stand();
    closes(
        &server,
        &gate,
        &[
            &["SELECT name FROM hr.people"],
            &["SELECT name FROM HR.\"people\""],
            &["SELECT name FROM U&\"h\\0072\".people"],
            &["SELECT name FROM U&\"h!0072\" UESCAPE '!'.people"],
            &["SET search_path = hr, public", ASK],
            &["SET search_path = hr; SELECT name FROM people"],
            &[
                "SET search_path = public",
                "SET search_path = hr; SELECT name FROM people",
            ],
            &["SELECT moves(); SELECT name FROM people"],
            &["DISCARD PLANS; SET SCHEMA 'hr'; SELECT 1; TABLE people"],
            &["SET search_path TO U&\"h\\0072\"", ASK],
            &["SET SCHEMA 'hr'", ASK],
            &[ASK, "SET search_path = hr", ASK],
            &["BEGIN", "SET LOCAL search_path = hr", ASK],
            &["BEGIN", "SET search_path = hr", "COMMIT", ASK],
            &[
                "SET search_path = hr",
                "BEGIN",
                "SET LOCAL search_path = public",
                "ROLLBACK",
                ASK,
            ],
            &[
                "SET search_path = hr",
                "BEGIN",
                "SAVEPOINT s",
                "SET search_path = public",
                "ROLLBACK TO s",
                ASK,
            ],
            &["SELECT set_config('search_path', 'hr', false)", ASK],
            &["SELECT moves()", ASK],
            &[ASK, "INSERT INTO moved VALUES (1)", ASK],
            &["SELECT m FROM moving", ASK],
            &["SET search_path = hr", "TABLE people"],
            &["SET search_path = hr", "COPY people TO STDOUT"],
            &[
                "SET search_path = hr",
                "BEGIN",
                "DECLARE c CURSOR FOR SELECT name FROM people",
                "FETCH c",
            ],
            &[
                "PREPARE q AS SELECT name FROM people",
                "SET search_path = hr",
                "EXECUTE q",
            ],
            &[
                "SET search_path = hr",
                "PREPARE q AS SELECT name FROM people",
                "EXECUTE q",
            ],
            &[
                "SET search_path = hr",
                "WITH w AS (SELECT name FROM people) SELECT * FROM w",
            ],
            &[
                "SET search_path = hr",
                "UPDATE people SET id = 1 WHERE id = 1 RETURNING name",
            ],
        ],
    );
    // What the database's owner has set, before the session and while it lives.
    server
        .psql_as_superuser("ALTER ROLE app SET search_path = hr, public")
        .unwrap();
    closes(
        &server,
        &gate,
        &[
            &[ASK],
            &["SET search_path = public", ASK, "RESET search_path", ASK],
            &["SET search_path = public", ASK, "DISCARD ALL", ASK],
            &["SET search_path = public", ASK, "RESET ALL", ASK],
        ],
    );
}

#[test]
fn a_statement_that_is_prepared_is_judged_by_the_path_of_its_execution() {
    let (_server, gate) = stand();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let port = gate.address.port();
        let at = format!("host=127.0.0.1 port={port} user=agent dbname=shop");
        let (client, connection) = tokio_postgres::connect(&at, NoTls).await.unwrap();
        tokio::spawn(connection);
        let prepared = client.prepare(ASK).await.unwrap();
        let rows = client.query(&prepared, &[]).await.unwrap();
        assert!(rows.len() > 1);
        client.batch_execute("SET search_path = hr").await.unwrap();
        let refused = client.query(&prepared, &[]).await.unwrap_err();
        let refused = refused.as_db_error().unwrap().message().to_owned();
        assert!(refused.contains("hr is closed"), "{refused}");
        client
            .batch_execute("SET search_path = public")
            .await
            .unwrap();
        let again = client.query(&prepared, &[]).await.unwrap();
        assert_eq!(again.len(), rows.len());
        // The unnamed statement stays the agent's own while weir asks for the path.
        client.batch_execute("SELECT moves()").await.unwrap();
        assert!(client.query(&prepared, &[]).await.is_err());
    });
}

#[test]
fn what_is_behind_a_view_or_a_rule_is_judged() {
    let (server, gate) = stand();
    closes(
        &server,
        &gate,
        &[
            &["SELECT name FROM staff"],
            &["SELECT name FROM public.staff"],
            &["SELECT * FROM staff_of_staff"],
            &["SELECT least FROM headcount"],
            &["SELECT name FROM snapshot"],
            &[
                "EXPLAIN ANALYZE SELECT name FROM staff",
                "SELECT name FROM staff",
            ],
            &["COPY (SELECT name FROM staff) TO STDOUT"],
            &["PREPARE q AS SELECT name FROM staff", "EXECUTE q"],
            &[
                "BEGIN",
                "DECLARE c CURSOR FOR SELECT name FROM staff",
                "FETCH c",
            ],
            &["WITH w AS (SELECT name FROM staff) SELECT * FROM w"],
            &["UPDATE staff SET id = 1 WHERE id = 1 RETURNING name"],
            &[
                "CREATE TEMP TABLE t AS SELECT name FROM staff",
                "SELECT name FROM t",
            ],
            &["SELECT name INTO TEMP t FROM staff", "SELECT name FROM t"],
        ],
    );
    let look = "SELECT string_agg(name, ',' ORDER BY id) FROM hr.people";
    for write in [
        "UPDATE staff SET name = 'mine' WHERE id = 1",
        "DELETE FROM staff WHERE id = 1",
        "INSERT INTO staff VALUES (2, 'mine')",
        "MERGE INTO staff USING (VALUES (1)) v (x) ON id = x WHEN MATCHED THEN DELETE",
        "INSERT INTO inbox VALUES (3, 'mine')",
        "INSERT INTO board VALUES (1, 'mine')",
        "EXPLAIN ANALYZE INSERT INTO board VALUES (1, 'mine')",
        "WITH w AS (INSERT INTO board VALUES (1, 'mine') RETURNING id) SELECT * FROM w",
        "COPY staff FROM STDIN",
    ] {
        let out = gate.psql(write);
        assert!(
            out.stderr_text().contains("weir:"),
            "{write}: {}",
            out.stderr_text()
        );
        assert_eq!(
            server.psql_as_superuser(look).unwrap().trim(),
            CANARY,
            "{write}"
        );
    }
}
