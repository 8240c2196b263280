//! Code that a statement doesn't show and that changes the database's shape: functions, triggers and
//! whatever else runs them, in the session itself and for others.

use crate::{
    common::Gate,
    shapes::{
        COMPUTE, Case, READ, WHOLE, Who,
        Who::{A, B},
        connect, holes, policies, prepare, sees_clear, shown, stand,
    },
};

/// What runs code, and what that does: it has a view show addresses that showed names.
struct Code {
    name: &'static str,
    /// How the database's owner prepares it.
    before: &'static str,
    /// What runs it.
    run: &'static str,
}

const fn code(name: &'static str, before: &'static str, run: &'static str) -> Code {
    Code { name, before, run }
}

/// A function that replaces the view.
pub(crate) const FUNCTION: &str =
    "CREATE FUNCTION swap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
    CREATE OR REPLACE VIEW own.plain AS SELECT id, email AS who FROM public.people; RETURN 1; END $$;
CREATE FUNCTION swap_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM swap(); \
    RETURN NEW; END $$;
CREATE TABLE t (id int); CREATE TABLE u (id int PRIMARY KEY);";

/// Functions and blocks that statements call.
const CALLED: [Code; 8] = [
    code("a function", "", "SELECT swap()"),
    code("a function in FROM", "", "SELECT * FROM swap()"),
    code("a function by its schema", "", "SELECT own.\"swap\"()"),
    code(
        "a procedure",
        "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT swap()'",
        "CALL p()",
    ),
    code("a block", "", "DO 'BEGIN PERFORM swap(); END'"),
    code(
        "a cursor",
        "",
        "BEGIN; DECLARE c CURSOR FOR SELECT swap(); FETCH c; COMMIT",
    ),
    code(
        "a query that is explained",
        "",
        "EXPLAIN ANALYZE SELECT swap()",
    ),
    code(
        "a statement that was prepared by name",
        "",
        "PREPARE s AS SELECT swap(); EXECUTE s; DEALLOCATE s",
    ),
];

/// Relations that run them.
const RELATIONS: [Code; 13] = [
    code(
        "a trigger",
        "CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION swap_row()",
        "INSERT INTO t VALUES (1)",
    ),
    code(
        "a deferred trigger",
        "CREATE CONSTRAINT TRIGGER r AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION swap_row()",
        "INSERT INTO t VALUES (1)",
    ),
    code(
        "a trigger behind a foreign key",
        "INSERT INTO u VALUES (1); CREATE TABLE w (u int REFERENCES u ON DELETE CASCADE); \
         INSERT INTO w VALUES (1); \
         CREATE TRIGGER r BEFORE DELETE ON w FOR EACH ROW EXECUTE FUNCTION swap_row()",
        "DELETE FROM u",
    ),
    code(
        "a trigger of a partition",
        "CREATE TABLE parted (id int) PARTITION BY RANGE (id); \
         CREATE TABLE part PARTITION OF parted DEFAULT; \
         CREATE TRIGGER r AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION swap_row()",
        "INSERT INTO parted VALUES (1)",
    ),
    code(
        "a trigger when a table is emptied with others",
        "CREATE TABLE w (u int REFERENCES u); \
         CREATE TRIGGER r BEFORE TRUNCATE ON w EXECUTE FUNCTION swap_row()",
        "TRUNCATE u CASCADE",
    ),
    code(
        "a rule",
        "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT swap()",
        "INSERT INTO t VALUES (1)",
    ),
    code(
        "a default",
        "ALTER TABLE t ADD b int DEFAULT swap()",
        "INSERT INTO t (id) VALUES (1)",
    ),
    code(
        "a check",
        "ALTER TABLE t ADD CHECK (swap() = 1)",
        "INSERT INTO t VALUES (2)",
    ),
    code(
        "an index",
        "CREATE FUNCTION stable(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \
         'BEGIN PERFORM own.swap(); RETURN 1; END'; CREATE INDEX ON t (stable(id))",
        "INSERT INTO t VALUES (2)",
    ),
    code(
        "an index that a planner looks at",
        "CREATE FUNCTION stable(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \
         'BEGIN PERFORM own.swap(); RETURN 1; END'; CREATE INDEX ON t ((stable(1) + id)); \
         CREATE OR REPLACE VIEW plain AS SELECT id, name AS who FROM people",
        "SELECT * FROM t WHERE id = 3",
    ),
    code(
        "a policy of rows",
        "INSERT INTO t VALUES (1); ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
         CREATE POLICY p ON t USING (swap() = 1)",
        "SELECT * FROM t",
    ),
    code(
        "a view that calls it",
        "CREATE VIEW calling AS SELECT swap() AS x",
        "SELECT x FROM calling",
    ),
    code(
        "a view over one that calls it",
        "CREATE VIEW calling AS SELECT swap() AS x; CREATE VIEW above AS SELECT x FROM calling",
        "SELECT count(x) FROM above",
    ),
];

/// What runs them where no name is written, and functions that call them in their bodies.
const BODIES: [Code; 12] = [
    code(
        "an operator",
        "CREATE FUNCTION op(int, int) RETURNS int LANGUAGE sql AS 'SELECT swap()'; \
         CREATE OPERATOR <%> (FUNCTION = op, LEFTARG = int, RIGHTARG = int)",
        "SELECT 1 <%> 2",
    ),
    code(
        "a cast",
        "CREATE TYPE mood AS ENUM ('sad'); CREATE FUNCTION num(mood) RETURNS int LANGUAGE plpgsql AS \
         'BEGIN RETURN swap(); END'; CREATE CAST (mood AS int) WITH FUNCTION num(mood)",
        "SELECT 'sad'::mood::int",
    ),
    code(
        "a domain",
        "CREATE FUNCTION good(int) RETURNS bool LANGUAGE sql AS 'SELECT swap() = 1'; \
         CREATE DOMAIN small AS int CHECK (good(VALUE))",
        "SELECT 1::small",
    ),
    code(
        "an aggregate",
        "CREATE FUNCTION step(int, int) RETURNS int LANGUAGE plpgsql AS \
         'BEGIN RETURN swap(); END'; CREATE AGGREGATE agg(int) (SFUNC = step, STYPE = int)",
        "SELECT agg(id) FROM people",
    ),
    code(
        "a function called as a column",
        "INSERT INTO t VALUES (1); CREATE FUNCTION col(t) RETURNS int LANGUAGE sql AS 'SELECT swap()'",
        "SELECT t.col FROM t",
    ),
    code(
        "a default of a parameter",
        "CREATE FUNCTION plus(int, int DEFAULT swap()) RETURNS int LANGUAGE sql AS 'SELECT $1'",
        "SELECT plus(1)",
    ),
    code(
        "a function that calls it",
        "CREATE FUNCTION mid() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN \"swap\"(); END'; \
         CREATE FUNCTION outer_one() RETURNS int LANGUAGE sql AS 'SELECT mid()'",
        "SELECT outer_one()",
    ),
    code(
        "a function with a body that the server keeps as a tree",
        "CREATE FUNCTION tree() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT swap(); END",
        "SELECT tree()",
    ),
    code(
        "a function that writes to what has a trigger",
        "CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION swap_row(); \
         CREATE FUNCTION put() RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES (3)'",
        "SELECT put()",
    ),
    code(
        "a function that spells it otherwise",
        "CREATE FUNCTION spelt() RETURNS int LANGUAGE plpgsql AS \
         'BEGIN RETURN U&\"\\0073wap\"(); END'",
        "SELECT spelt()",
    ),
    code(
        "a function that has text run",
        "CREATE FUNCTION text_run() RETURNS int LANGUAGE plpgsql AS \
         'BEGIN PERFORM query_to_xml(''SELECT sw'' || ''ap()'', true, true, ''''); RETURN 1; END'",
        "SELECT text_run()",
    ),
    code(
        "a function with a block in it",
        r"CREATE FUNCTION block() RETURNS int LANGUAGE plpgsql AS
          $f$BEGIN DO /* nothing */ E'BEGIN PERFORM sw\x61p(); END'; RETURN 1; END$f$",
        "SELECT block()",
    ),
];

/// Has the catalogue read anew.
pub(crate) const NUDGE: &str = "DROP TABLE IF EXISTS nudge";

/// Where it is run, and what is read then: in a transaction, and by itself and by another session.
/// `CODE` stands for it.
const SAID: [(Who, &str); 9] = [
    (A, "BEGIN"),
    (A, "CODE"),
    (A, READ),
    (A, COMPUTE),
    (A, "ROLLBACK"),
    (A, "CODE"),
    (B, COMPUTE),
    (A, READ),
    (A, WHOLE),
];

/// What shows an address after one of these has run.
fn holes_behind(codes: &[Code]) -> Vec<String> {
    let (server, emails) = stand();
    let gate = Gate::of(&server, policies());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sessions = runtime.block_on(async { [connect(&gate).await, connect(&gate).await] });
    let mut found = Vec::new();
    for Code { name, before, run } in codes {
        prepare(&server, &format!("{FUNCTION}{before}"));
        let in_its_own = run.starts_with("BEGIN");
        let said: Vec<(Who, String)> = SAID
            .iter()
            .filter(|(_, sql)| !in_its_own || !matches!(*sql, "BEGIN" | "ROLLBACK"))
            .map(|(who, sql)| (*who, sql.replace("CODE", run)))
            .collect();
        let said: Vec<(Who, &str)> = said.iter().map(|(who, sql)| (*who, sql.as_str())).collect();
        found.extend(runtime.block_on(async {
            // What the owner has made is seen with this.
            assert_eq!(shown(&sessions[0], NUDGE).await, "", "{name}");
            sees_clear(&sessions, name).await;
            let case = Case { name, said: &said };
            holes(&server, &sessions, &case, &emails).await
        }));
    }
    found
}

#[test]
fn code_that_a_statement_calls_changes_nothing_unseen() {
    let found = holes_behind(&CALLED);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn code_behind_a_relation_changes_nothing_unseen() {
    let found = holes_behind(&RELATIONS);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn code_behind_other_code_changes_nothing_unseen() {
    let found = holes_behind(&BODIES);
    assert!(found.is_empty(), "{found:#?}");
}
