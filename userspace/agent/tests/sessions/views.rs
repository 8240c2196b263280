//! Views by lineage: what of a view shows a masked value is masked, and nothing else is.

use testbed::Postgres;

use weir_policy::{Policies, Source};

use crate::{
    common::{Gate, tls_of},
    server, stand,
};

/// A view, and of its columns those that must be masked.
struct View {
    name: &'static str,
    query: &'static str,
    masked: &'static [&'static str],
}

const fn view(name: &'static str, query: &'static str, masked: &'static [&'static str]) -> View {
    View {
        name,
        query,
        masked,
    }
}

/// `email` of `people` is masked, `name` and `id` are not; nothing of `orders` is.
const VIEWS: [View; 27] = [
    view(
        "plain",
        "SELECT id, name AS who, email AS contact FROM people",
        &["contact"],
    ),
    view(
        "nested",
        "SELECT who AS w, contact AS c, id AS i FROM plain",
        &["c"],
    ),
    view("deeper", "SELECT n.w, n.c || '' AS d FROM nested n", &["d"]),
    view(
        "joined",
        "SELECT o.id, o.item, p.name, p.email FROM orders o JOIN people p ON p.id = o.person_id",
        &["email"],
    ),
    view(
        "merged",
        "SELECT id, item, name, email FROM orders FULL JOIN people USING (id)",
        &["email"],
    ),
    view(
        "aliased",
        "SELECT a, b, c FROM (people p CROSS JOIN (VALUES (1)) v (x)) AS j (a, b, c)",
        &["c"],
    ),
    view(
        "common",
        "WITH w AS (SELECT id, email AS e, name AS n FROM people) SELECT id, n, e FROM w",
        &["e"],
    ),
    view(
        "twice",
        "WITH v AS (SELECT id, email AS e, name AS n FROM people), \
         w AS (SELECT a.n, b.e FROM v a JOIN v b ON a.id = b.id) SELECT n, e FROM w",
        &["e"],
    ),
    view(
        "recursive",
        "WITH RECURSIVE w (id, n, e, depth) AS (SELECT id, name, email, 1 FROM people UNION ALL \
         SELECT id, n, e, depth + 1 FROM w WHERE depth < 2) SELECT id, n, e, depth FROM w",
        &["e"],
    ),
    view(
        "crossing",
        "WITH RECURSIVE w (a, b, depth) AS (SELECT name, email, 1 FROM people UNION ALL \
         SELECT b, a, depth + 1 FROM w WHERE depth < 2) SELECT a, b, depth FROM w",
        &["a", "b"],
    ),
    view(
        "subquery",
        "SELECT s.id, s.name, s.mail FROM (SELECT id, name, email AS mail FROM people OFFSET 0) s",
        &["mail"],
    ),
    view(
        "united",
        "SELECT id, name AS a, email AS b FROM people UNION ALL SELECT id, 'x', item FROM orders",
        &["b"],
    ),
    view(
        "united_late",
        "SELECT id, item AS a, 'x' AS b FROM orders UNION (SELECT id, 'y', name FROM people \
         UNION ALL SELECT id, email, 'z' FROM people)",
        &["a"],
    ),
    view(
        "computed",
        "SELECT id, upper(name) AS loud, upper(email) AS mail, name || email AS both FROM people",
        &["mail", "both"],
    ),
    view(
        "sideways",
        "SELECT p.id, l.x, l.y FROM people p, LATERAL (SELECT p.name AS x, p.email AS y) l",
        &["y"],
    ),
    view(
        "scalar",
        "SELECT id, (SELECT email FROM people p WHERE p.id = o.person_id) AS who, item FROM orders o",
        &["who"],
    ),
    view(
        "outer_column",
        "SELECT id, (SELECT min(p.email || item) FROM orders) AS who, name FROM people p",
        &["who"],
    ),
    view(
        "windowed",
        "SELECT id, max(email) OVER (PARTITION BY id) AS m, row_number() OVER (ORDER BY id) AS r \
         FROM people",
        &["m"],
    ),
    view(
        "ranked",
        "SELECT id, row_number() OVER (ORDER BY email) AS r FROM people",
        &["id", "r"],
    ),
    view(
        "grouped",
        "SELECT name, count(*) AS n, min(email) AS least FROM people GROUP BY name",
        &["least"],
    ),
    view("counted", "SELECT count(*) AS n FROM people", &[]),
    view(
        "chosen",
        "SELECT id, name FROM people WHERE email LIKE 'a%'",
        &["id", "name"],
    ),
    view(
        "equal",
        "SELECT v.x FROM people p JOIN (VALUES ('ada.brandt@example.com')) v (x) ON v.x = p.email",
        &["x"],
    ),
    view(
        "sorted",
        "SELECT id, name FROM people ORDER BY email",
        &["id", "name"],
    ),
    view(
        "hostile",
        "SELECT email AS \":resno\", name AS \":varattno 2 :resjunk true}\", id AS \"[\" FROM people",
        &[":resno"],
    ),
    view(
        "whole",
        "SELECT id, p AS everything FROM people p",
        &["everything"],
    ),
    view(
        "functions",
        "SELECT p.id, g AS n, t AS part FROM people p, generate_series(1, 2) g, \
         regexp_split_to_table(p.email, '@') t",
        &["id", "n", "part"],
    ),
];

/// The columns of what a query shows, each sorted, with their names.
fn columns(shown: &str) -> Vec<(String, Vec<String>)> {
    let mut lines = shown.lines();
    let names = lines.next().unwrap_or_default().split('|');
    let mut columns: Vec<(String, Vec<String>)> =
        names.map(|name| (name.to_owned(), Vec::new())).collect();
    for line in lines {
        for (column, value) in columns.iter_mut().zip(line.split('|')) {
            column.1.push(value.to_owned());
        }
    }
    for (_, values) in &mut columns {
        values.sort();
    }
    columns
}

fn through(gate: &Gate, sql: &str) -> String {
    let out = gate.psql_with(&["-P", "tuples_only=off", "-P", "footer=off", "-c", sql]);
    assert_eq!(out.stderr_text(), "", "{sql}");
    out.stdout_text()
}

fn beside(server: &Postgres, sql: &str) -> Vec<(String, Vec<String>)> {
    let quoted = format!("COPY ({sql}) TO STDOUT (FORMAT csv, HEADER, DELIMITER '|', QUOTE '~')");
    columns(&server.psql_as_superuser(&quoted).unwrap())
}

fn make(server: &Postgres, kind: fn(&str) -> &'static str) {
    let views = VIEWS.iter().map(|View { name, query, .. }| {
        let kind = kind(name);
        format!("CREATE {kind} VIEW {name} AS {query};")
    });
    let all: String = views.collect();
    server
        .psql_as_superuser(&format!("SET ROLE app; {all}"))
        .unwrap();
}

fn holds(server: &Postgres, gate: &Gate, kind: &str) {
    for View { name, masked, .. } in &VIEWS {
        let sql = format!("SELECT * FROM {name}");
        let (free, governed) = (beside(server, &sql), columns(&through(gate, &sql)));
        assert_eq!(free.len(), governed.len(), "{name}");
        for ((column, clear), (_, shown)) in free.iter().zip(&governed) {
            let is_masked = masked.contains(&column.as_str());
            let told = if is_masked { "masked" } else { "clear" };
            assert_eq!(
                clear != shown,
                is_masked,
                "{kind} {name}.{column} should be {told}: {shown:?}"
            );
            let leaks = |value: &&String| is_masked && value.len() > 6 && clear.contains(value);
            assert_eq!(shown.iter().find(leaks), None, "{kind} {name}.{column}");
        }
    }
}

#[test]
fn a_view_shows_what_is_harmless_in_it() {
    let (server, gate) = stand();
    make(&server, |_| "");
    holds(&server, &gate, "view");
    // What is computed from a view is masked by what it is computed from.
    for (sql, masked) in [
        ("SELECT upper(who) FROM plain", false),
        ("SELECT upper(contact) FROM plain", true),
        ("SELECT to_json(n)::text FROM nested n", true),
        ("SELECT count(*) FROM plain WHERE who LIKE 'A%'", false),
        ("SELECT string_agg(w, ',' ORDER BY i) FROM nested", false),
    ] {
        let (free, governed) = (beside(&server, sql), columns(&through(&gate, sql)));
        assert_eq!(free[0].1 != governed[0].1, masked, "{sql}: {governed:?}");
    }
}

#[test]
fn a_materialised_view_shows_what_is_harmless_in_it() {
    let (server, gate) = stand();
    // Whole rows of a table can't be kept.
    make(
        &server,
        |name| if name == "whole" { "" } else { "MATERIALIZED" },
    );
    holds(&server, &gate, "materialised view");
}

/// The shipped policies for an agent that may change the database's shape.
fn migrating() -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.retain(|source| !source.name.contains("70-ddl"));
    sources.push(Source {
        name: "ddl.cedar".into(),
        text: "@id(\"ddl\") permit (principal, action in Weir::Action::\"ddl\", resource);".into(),
    });
    Policies::load(&sources).unwrap()
}

#[test]
fn a_view_that_changes_opens_no_hole() {
    let server = server();
    server
        .psql_as_superuser(
            "SET ROLE app; CREATE VIEW plain AS SELECT id, name AS who, email AS contact FROM people",
        )
        .unwrap();
    let password = server.app_password();
    let gate = Gate::with(server.addr(), &tls_of(&server), password, migrating());
    let emails = server
        .psql_as_superuser("SELECT email FROM people")
        .unwrap();
    let holds = |queries: &[&str]| {
        let queries: Vec<&str> = queries.iter().flat_map(|query| ["-c", *query]).collect();
        let out = gate.psql_with(&queries);
        let shown = format!("{}{}", out.stdout_text(), out.stderr_text()).to_lowercase();
        for email in emails.lines() {
            assert!(!shown.contains(email), "{queries:?}: {shown}");
        }
        shown
    };
    let renamed = "ALTER VIEW plain RENAME COLUMN contact TO c; SELECT upper(c) FROM plain";
    holds(&[renamed]);
    holds(&["SELECT upper(c), c FROM plain"]);
    holds(&[
        "BEGIN; ALTER VIEW plain RENAME COLUMN c TO d",
        "SELECT upper(d), d FROM plain",
    ]);
    let swapped = "ALTER VIEW plain RENAME COLUMN who TO x; ALTER VIEW plain RENAME COLUMN c TO who; \
                   ALTER VIEW plain RENAME COLUMN x TO c";
    holds(&[
        "SELECT who FROM plain",
        swapped,
        "SELECT upper(who), who FROM plain",
    ]);
    let shown = holds(&["SELECT upper(c), c FROM plain"]);
    assert!(
        shown.contains("ada brandt"),
        "the name is where the address was: {shown}"
    );
    // What somebody else adds to it is known at once, made where weir does not see it.
    let more = "SET ROLE app; CREATE OR REPLACE VIEW plain AS \
                SELECT id, name AS c, email AS who, email AS more FROM people";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let port = gate.address.port();
        let at = format!("host=127.0.0.1 port={port} user=agent dbname=shop");
        let (client, connection) = tokio_postgres::connect(&at, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.query("SELECT who FROM plain", &[]).await.unwrap();
        server.psql_as_superuser(more).unwrap();
        let rows = client.query("SELECT more FROM plain", &[]).await.unwrap();
        for row in rows {
            let more: String = row.get(0);
            assert!(!emails.contains(&more), "{more}");
        }
    });
}
