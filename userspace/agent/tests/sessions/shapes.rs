//! A database whose shape changes under its sessions: what weir knew of it before decides nothing.
//!
//! Each case lets two sessions of an agent that may change the shape, and at times somebody of whom
//! weir sees nothing, do what would show an address by knowledge that is out of date.

use testbed::Postgres;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use weir_policy::{Policies, Source};

use crate::{common::Gate, server};

/// Whose word it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// One session of the agent's.
    A,
    /// The other.
    B,
    /// The database's owner, past weir.
    Owner,
}
use Who::{A, B, Owner};

/// What is said in turn. What comes back must show no address, whoever of the sessions it comes to.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) said: &'a [(Who, &'a str)],
}

const fn case(name: &'static str, said: &'static [(Who, &'static str)]) -> Case<'static> {
    Case { name, said }
}

/// What all begin with. Who may not see addresses can't make a view of them, but may call one otherwise
/// or have code make it.
const BEFORE: &str = "\
DROP SCHEMA IF EXISTS own, other, front, back CASCADE; CREATE SCHEMA own; CREATE SCHEMA other;
SET search_path = own, public;
CREATE VIEW plain AS SELECT id, name AS who FROM people;
CREATE VIEW ready AS SELECT id, email AS who FROM people;
CREATE VIEW other.plain AS SELECT id, email AS who FROM people;
CREATE TABLE harmless AS SELECT id, name AS who FROM people;
";

/// Has a view show addresses that showed names.
macro_rules! replace {
    () => {
        "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW plain AS SELECT id, email AS who FROM people'; \
         END $$"
    };
}

pub(crate) const READ: &str = "SELECT who FROM plain";
pub(crate) const COMPUTE: &str = "SELECT upper(who) FROM plain";
pub(crate) const WHOLE: &str = "SELECT plain::text FROM plain";

const CASES: [Case<'static>; 18] = [
    case(
        "replaced",
        &[(A, replace!()), (A, READ), (A, COMPUTE), (A, WHOLE)],
    ),
    case(
        "replaced and read in one message",
        &[(
            A,
            concat!(replace!(), "; SELECT who, upper(who) FROM plain"),
        )],
    ),
    case(
        "replaced in this transaction",
        &[
            (A, "BEGIN"),
            (A, replace!()),
            (A, READ),
            (A, COMPUTE),
            (A, "SAVEPOINT s"),
            (A, WHOLE),
            (A, "COMMIT"),
            (A, READ),
            (A, COMPUTE),
        ],
    ),
    case(
        "replaced by another session",
        &[(B, replace!()), (A, READ), (A, COMPUTE), (A, WHOLE)],
    ),
    case(
        "replaced by another session, and computed with",
        &[(B, replace!()), (A, COMPUTE), (A, READ)],
    ),
    case(
        "replaced by another session in a transaction",
        &[
            (B, "BEGIN"),
            (B, replace!()),
            (A, "SELECT 1"),
            (B, READ),
            (B, "COMMIT"),
            (A, READ),
            (A, COMPUTE),
        ],
    ),
    case(
        "replaced by another session in one message with its COMMIT",
        &[
            (B, concat!("BEGIN; ", replace!(), "; COMMIT")),
            (A, READ),
            (A, COMPUTE),
        ],
    ),
    case(
        "called otherwise in one message",
        &[(
            A,
            "ALTER VIEW plain RENAME TO old; ALTER VIEW ready RENAME TO plain; \
             SELECT upper(who) FROM plain",
        )],
    ),
    case(
        "called otherwise in a transaction",
        &[
            (A, "BEGIN"),
            (A, "ALTER VIEW plain RENAME TO old"),
            (A, "ALTER VIEW ready RENAME TO plain"),
            (A, COMPUTE),
            (A, "ROLLBACK"),
        ],
    ),
    case(
        "called otherwise by another session",
        &[
            (B, "ALTER VIEW plain RENAME TO old"),
            (B, "ALTER VIEW ready RENAME TO plain"),
            (A, COMPUTE),
            (A, READ),
        ],
    ),
    case(
        "harmless only after a cursor was declared",
        &[
            (A, "BEGIN"),
            (A, "DECLARE c CURSOR WITH HOLD FOR SELECT who FROM ready"),
            (A, "COMMIT"),
            (
                A,
                "CREATE OR REPLACE VIEW ready AS SELECT id, name AS who FROM people",
            ),
            (A, "SELECT who FROM ready"),
            (A, "FETCH ALL FROM c"),
        ],
    ),
    case(
        "harmless only after a cursor was declared in this transaction",
        &[
            (A, "BEGIN"),
            (A, "DECLARE c CURSOR FOR SELECT who FROM ready"),
            (A, "ALTER VIEW plain RENAME TO old"),
            (A, "FETCH 1 FROM c"),
            (A, "CREATE VIEW plain AS SELECT 1 AS who"),
            (A, "FETCH ALL FROM c"),
            (A, "ROLLBACK"),
        ],
    ),
    case(
        "a view of the session's own in front of another",
        &[
            (A, "CREATE TEMP VIEW mine AS SELECT 1 AS who"),
            (A, "SELECT who FROM mine"),
            (A, "ALTER VIEW ready RENAME TO harmful"),
            (A, "CREATE TEMP VIEW plain AS SELECT 'nobody' AS who"),
            (A, "DROP VIEW pg_temp.plain"),
            (A, "ALTER VIEW plain RENAME TO old"),
            (A, "ALTER VIEW harmful RENAME TO plain"),
            (A, READ),
            (A, COMPUTE),
        ],
    ),
    case(
        "dropped and made anew",
        &[
            (B, "DROP TABLE harmless"),
            (B, "ALTER VIEW ready RENAME TO harmless"),
            (A, "SELECT upper(who) FROM harmless"),
        ],
    ),
    case(
        "columns that change their names",
        &[
            (
                Owner,
                "DROP VIEW plain; CREATE VIEW plain AS SELECT name AS who, email AS x FROM people",
            ),
            (A, COMPUTE),
            (B, "ALTER VIEW plain RENAME COLUMN who TO y"),
            (B, "ALTER VIEW plain RENAME COLUMN x TO who"),
            (A, COMPUTE),
            (A, READ),
        ],
    ),
    case(
        "a column that gets a name which is masked",
        &[
            (Owner, "INSERT INTO harmless SELECT id, email FROM people"),
            (Owner, "ALTER TABLE harmless RENAME who TO at"),
            (B, "ALTER TABLE harmless RENAME at TO email"),
            (A, "SELECT email FROM harmless"),
            (A, "SELECT upper(email) FROM harmless"),
        ],
    ),
    case(
        "a schema that takes the name of another",
        &[
            (
                Owner,
                "CREATE SCHEMA front; CREATE VIEW front.plain AS SELECT id, name AS who FROM people",
            ),
            (A, "SET search_path = front, public"),
            (A, COMPUTE),
            (B, "ALTER SCHEMA front RENAME TO back"),
            (B, "ALTER SCHEMA other RENAME TO front"),
            (A, COMPUTE),
            (A, READ),
        ],
    ),
    case(
        "a function that reads tables from now on",
        &[
            (
                B,
                "DO $$ BEGIN EXECUTE 'CREATE FUNCTION told(x int) RETURNS text LANGUAGE sql AS \
                 ''SELECT max(email) FROM people'''; END $$",
            ),
            (A, "SELECT told(1)"),
        ],
    ),
];

/// The shipped masking rules, for an agent that may do everything else.
pub(crate) fn policies() -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.retain(|source| !source.name.ends_with(".cedar"));
    sources.push(Source {
        name: "shapes.cedar".into(),
        text: "@id(\"shapes\") permit (principal, action, resource) \
               unless { action == Weir::Action::\"reveal\" };"
            .into(),
    });
    Policies::load(&sources).unwrap()
}

pub(crate) async fn connect(gate: &Gate) -> Client {
    let port = gate.address.port();
    let at = format!("host=127.0.0.1 port={port} user=agent dbname=shop");
    let (client, connection) = tokio_postgres::connect(&at, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// All that one statement shows.
pub(crate) async fn shown(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(messages) => messages.iter().fold(String::new(), |mut all, message| {
            if let SimpleQueryMessage::Row(row) = message {
                (0..row.len()).for_each(|i| all.extend(["|", row.get(i).unwrap_or_default()]));
            }
            all
        }),
        Err(error) => format!("{error:?}"),
    }
}

async fn prepared(client: &Client, sql: &str) -> String {
    match client.query(sql, &[]).await {
        Ok(rows) => rows.iter().fold(String::new(), |mut all, row| {
            (0..row.len()).for_each(|i| {
                let value: Option<String> = row.try_get(i).unwrap_or_default();
                all.extend(["|", &value.unwrap_or_default()]);
            });
            all
        }),
        Err(error) => format!("{error:?}"),
    }
}

/// Has the owner make what all begin with, and more.
pub(crate) fn prepare(server: &Postgres, more: &str) {
    let before = format!("SET ROLE app; {BEFORE}{more}");
    server.psql_as_superuser(&before).unwrap();
}

/// Both sessions see what they may.
pub(crate) async fn sees_clear(sessions: &[Client; 2], name: &str) {
    for client in sessions {
        let clear = shown(client, "SELECT who, upper(who) FROM plain").await;
        assert!(clear.contains("Ada Brandt"), "{name}: {clear}");
    }
}

/// What shows an address that shouldn't.
pub(crate) async fn holes(
    server: &Postgres,
    [a, b]: &[Client; 2],
    case: &Case<'_>,
    emails: &[String],
) -> Vec<String> {
    let mut holes = Vec::new();
    for (who, sql) in case.said {
        let client = match who {
            A => a,
            B => b,
            Owner => {
                server
                    .psql_as_superuser(&format!(
                        "SET ROLE app; SET search_path = own, public; {sql}"
                    ))
                    .unwrap();
                continue;
            }
        };
        let mut all = shown(client, sql).await;
        if sql.starts_with("SELECT") {
            all.push_str(&prepared(client, sql).await);
        } else {
            assert!(!all.contains("Error"), "{}: {sql}: {all}", case.name);
        }
        let all = all.to_lowercase();
        if emails.iter().any(|email| all.contains(email.as_str())) {
            holes.push(format!("{}: {who:?}: {sql}", case.name));
        }
    }
    holes
}

/// A server of whose owner the agent can do as much as its policies let it, and the addresses.
pub(crate) fn stand() -> (Postgres, Vec<String>) {
    let server = server();
    server
        .psql_as_superuser(
            "GRANT CREATE ON DATABASE shop TO app; ALTER ROLE app SET search_path = own, public",
        )
        .unwrap();
    let emails = server
        .psql_as_superuser("SELECT email FROM people")
        .unwrap();
    (server, emails.lines().map(str::to_owned).collect())
}

#[test]
fn what_was_known_before_a_change_decides_nothing() {
    let (server, emails) = stand();
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut found = Vec::new();
    for case in &CASES {
        prepare(&server, "");
        found.extend(runtime.block_on(async {
            let sessions = [connect(&gate).await, connect(&gate).await];
            sees_clear(&sessions, case.name).await;
            holes(&server, &sessions, case, &emails).await
        }));
    }
    assert!(found.is_empty(), "{found:#?}");
}
